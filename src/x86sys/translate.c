/* From guest code to a TB: fetch, decode the block, lower it, publish.
 *
 * A block goes on behind conditional branches and ends with an unconditional one,
 * with an instruction for C, at the end of the page, or at a limit. Only a block
 * of one instruction lies on two pages. In modes that look at each instruction
 * (single step, interrupt shadow, breakpoints) blocks have one, and come back to
 * the loop behind it.
 *
 * Code of a TB: the entry for flags that are aside, the entry for flags in RFLAGS
 * (the same where they are dead), body, code out of line, exits. Both entries poll
 * cpu->exit_request first.
 *
 * With SYS_MODE_ICOUNT the entry then takes the block's instructions off the vCPU's
 * count, and whoever leaves before its end gives the rest back. The block ends with the
 * first conditional branch, so that no way out needs code for that. */
#include "x86sys/translate.h"

#include <assert.h>
#include <errno.h>

#include "base/tsan.h"
#include "exec/code_cache.h"
#include "exec/memory.h"
#include "locks/mmap_lock.h"
#include "x86sys/log.h"
#include "x86sys/stubs.h"

#define CODE_MAX (16UL << 10)
#define META_MAX (7UL << 10)

unsigned sys_translate_max_insns IMMUTABLE_AFTER_INIT = SYS_TB_MAX_INSNS;

/* What is being fetched from. */
struct source {
    uint8_t buf[GUEST_PAGE_SIZE + 16];
    size_t have;
    uint64_t ram, ram_last; /* of the first byte, and of the last page's first one */
    bool device;            /* not RAM: what there was has been read without the lock */
    bool publish;
};

/* From here on a store to the page is seen. */
static void protect_page(uint64_t ram) REQUIRES(mmap_lock_cap)
{
    sys_tlb_protect_ram(ram & ~(GUEST_PAGE_SIZE - 1));
}

/* Undoes it if nothing has come of it. */
static void unprotect_page(uint64_t ram) REQUIRES(mmap_lock_cap)
{
    uint64_t page = ram & ~(GUEST_PAGE_SIZE - 1);
    if (!tb_page_has_code(page)) {
        memory_ram_set_code(page, false);
    }
}

static uint64_t wrap_linear(const struct sys_translation *t, uint64_t linear)
{
    return t->mode & SYS_MODE_CODE64 ? linear : (uint32_t)linear;
}

/* Bytes up to the end of the page. */
static bool fetch_first(struct sys_translation *t, struct source *s) REQUIRES(mmap_lock_cap)
{
    if (s->device) {
        return s->have > 0;
    }
    s->ram_last = s->ram;
    s->publish = true;
    protect_page(s->ram);
    size_t want = GUEST_PAGE_SIZE - (t->linear & (GUEST_PAGE_SIZE - 1));
    s->have = sys_fetch(t->cpu, t->linear, s->buf, (uint32_t)want, &s->ram);
    return s->have > 0;
}

/* The first instruction crosses into the next page. From RAM into a device is not
 * supported. */
static bool fetch_second(struct sys_translation *t, struct source *s) REQUIRES(mmap_lock_cap)
{
    uint64_t next = wrap_linear(t, (t->linear | (GUEST_PAGE_SIZE - 1)) + 1);
    if (!s->publish || !sys_fetch_ram(t->cpu, next, &s->ram_last)) {
        return sys_raise_error(t->cpu, SYS_GP, 0);
    }
    if (s->ram_last == SYS_NO_RAM) {
        s->ram_last = s->ram;
        return sys_raise_error(t->cpu, SYS_GP, 0);
    }
    protect_page(s->ram_last);
    uint32_t n = sys_fetch(t->cpu, next, s->buf + s->have, 15, &s->ram_last);
    s->have += n;
    return n > 0;
}

/* Where the code lies; if in a device, what it says, read here because that may
 * take the BQL. False: an exception. */
static bool find_source(struct sys_translation *t, struct source *s)
{
    if (!sys_fetch_ram(t->cpu, t->linear, &s->ram)) {
        return false;
    }
    s->device = s->ram == SYS_NO_RAM;
    if (s->device) {
        s->have = sys_fetch_device(t->cpu, t->linear, s->buf, 15);
    }
    return true;
}

static bool beyond_limit(const struct sys_translation *t, const struct sys_insn *in)
{
    return !(t->mode & (SYS_MODE_CODE64 | SYS_MODE_FLAT)) &&
           in->ip + in->len - 1 > t->cpu->seg[SYS_CS].limit;
}

static bool ends_block(const struct sys_translation *t, const struct sys_insn *in)
{
    if (sys_system_is_inline(t, in) || sys_string_is_inline(t, in)) {
        return false;
    }
    return sys_insn_ends_tb(in) || in->cls == SYS_INSN_STRING ||
           (in->cls == SYS_INSN_STACK && sys_stack_is_c(in));
}

/* Decodes from t->linear up to the end of the block. False: an exception. */
static bool decode_block(struct sys_translation *t, struct source *s, unsigned max)
    REQUIRES(mmap_lock_cap)
{
    unsigned max_branches = t->mode & SYS_MODE_ICOUNT ? 1 : SYS_TB_MAX_EXITS - 2;
    unsigned branches = 0;
    size_t at = 0;
    uint64_t ip = t->cpu->rip;
    if (!fetch_first(t, s)) {
        return false;
    }
    max = s->publish ? max : 1;
    while (t->insn_count < max) {
        struct sys_insn *in = &t->insns[t->insn_count];
        uint64_t linear = wrap_linear(t, t->linear + at);
        int r =
            s->have > at ? sys_decode(in, t->mode, ip, linear, s->buf + at, s->have - at) : -EAGAIN;
        if (r == -EAGAIN) {
            if (t->insn_count) { /* the block ends before what does not lie in this page */
                t->crosser = s->have > at ? linear : UINT64_MAX;
                break;
            }
            if (!fetch_second(t, s)) {
                return false;
            }
            if (sys_decode(in, t->mode, ip, linear, s->buf, s->have) == -EAGAIN) {
                return sys_raise_error(t->cpu, SYS_GP, 0);
            }
            max = 1;
        }
        if (beyond_limit(t, in)) {
            return t->insn_count || sys_raise_error(t->cpu, SYS_GP, 0);
        }
        t->insn_count++;
        at += in->len;
        branches += in->cls == SYS_INSN_JCC || in->cls == SYS_INSN_LOOP;
        uint64_t next = sys_insn_next_ip(in);
        if (ends_block(t, in) || (t->insn_count > 1 && sys_is_inline_sti(t, in - 1)) ||
            branches >= max_branches || next != ip + in->len) {
            break;
        }
        ip = next;
    }
    return true;
}

static void lower_insn(struct sys_translation *t, const struct sys_insn *in)
{
    if (in->fault != SYS_NO_EXCEPTION) {
        sys_emit_raise(t, in, in->fault);
        return;
    }
    if (sys_system_is_inline(t, in)) {
        sys_lower_system(t, in);
        return;
    }
    switch ((enum sys_insn_class)in->cls) {
    case SYS_INSN_DATA:
    case SYS_INSN_LEA:
    case SYS_INSN_NOP:
        sys_lower_data(t, in);
        break;
    case SYS_INSN_STACK:
        sys_lower_stack(t, in);
        break;
    case SYS_INSN_STRING:
        sys_lower_string(t, in);
        break;
    case SYS_INSN_C:
        sys_lower_c(t, in);
        break;
    case SYS_INSN_ILLEGAL:
        sys_emit_raise(t, in, SYS_UD);
        break;
    case SYS_INSN_TOO_LONG:
        sys_emit_raise(t, in, SYS_GP);
        break;
    default:
        sys_lower_branch(t, in);
    }
}

static void lower_body(struct sys_translation *t)
{
    const struct sys_insn *last = &t->insns[t->insn_count - 1];
    for (unsigned i = 0; i < t->insn_count && !t->e.overflow; i++) {
        t->at = i;
        t->flags_live = t->live_in[i];
        t->flags_aside = t->flags_aside && t->flags_live;
        unsigned grouped = sys_lower_group(t);
        if (grouped) {
            i += grouped - 1;
        } else {
            lower_insn(t, &t->insns[i]);
        }
    }
    if (!ends_block(t, last)) {
        t->flags_aside = t->flags_aside && t->live_in[t->insn_count];
        t->flags_live = true;
        sys_emit_exit(t, -1, sys_insn_next_ip(last));
    }
}

static void emit_out_of_line(struct sys_translation *t)
{
    for (unsigned i = 0; i < t->slow_count && !t->e.overflow; i++) {
        struct sys_slow *s = &t->slow[i];
        t->at = s->at;
        t->flags_live = s->flags_live;
        t->flags_aside = s->flags_aside;
        emit_patch_rel32(&t->e, s->field, emit_pc(&t->e));
        s->emit(t, s);
    }
}

/* Code for exits that lead nowhere yet. */
static void finish_exits(struct sys_translation *t, struct tb *tb, struct tb_exit *exits)
{
    for (unsigned i = 0; i < t->exit_count && !t->e.overflow; i++) {
        t->exits[i].from = tb;
        t->exits[i].stub = emit_pc(&t->e);
        t->flags_live = true;
        t->flags_aside = t->exits[i].aside;
        sys_emit_leave(t, SYS_LEAVE_CHAIN, code_rx(&exits[i]) - code_cache_rx_start());
        emit_patch_rel32(&t->e, t->exits[i].field, t->exits[i].stub);
        exits[i] = t->exits[i];
    }
}

static void patch_imm32(struct emit *e, uintptr_t field, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        e->rw[field - e->rx + i] = (uint8_t)(v >> (8 * i));
    }
}

static void finish_c(struct sys_translation *t) REQUIRES(mmap_lock_cap)
{
    for (unsigned i = 0; i < t->c_count; i++) {
        struct sys_insn *in = code_region_meta(&t->cpu->cpu, sizeof(*in));
        *in = t->insns[t->c[i].insn];
        patch_imm32(&t->e, t->c[i].field, (uint32_t)(code_rx(in) - code_cache_rx_start()));
    }
}

/* Lowers into the vCPU's region and makes a TB of it. NULL: *why says whether the
 * cache is full (-ENOSPC) or the block too long (-E2BIG). */
static struct tb *lower_block(struct sys_translation *t, const struct source *s, int *why)
    REQUIRES(mmap_lock_cap)
{
    struct cpu *cpu = &t->cpu->cpu;
    uint8_t *rw = code_region_reserve(cpu, CODE_MAX, META_MAX);
    if (!rw) {
        *why = -ENOSPC;
        return NULL;
    }
    t->e = (struct emit){.rw = rw, .rx = code_rx(rw), .cap = CODE_MAX};
    t->exit_count = t->point_count = t->slow_count = t->c_count = 0;
    t->flags_aside = false;
    sys_s1_holds(t, X86_NONE);
    sys_reloc_begin(t);
    sys_flags_analyse(t);
    sys_recent_analyse(t);
    uintptr_t host = sys_emit_entries(t);
    lower_body(t);
    emit_out_of_line(t);
    if (t->e.overflow || t->e.len + 32UL * t->exit_count > CODE_MAX) {
        *why = -E2BIG;
        return NULL;
    }
    struct tb *tb = code_region_meta(cpu, sizeof(*tb));
    struct tb_exit *exits = code_region_meta(cpu, t->exit_count * sizeof(*exits));
    finish_exits(t, tb, exits);
    finish_c(t);
    struct tb_restart *points = code_region_meta(cpu, t->point_count * sizeof(*points));
    for (unsigned i = 0; i < t->point_count; i++) {
        points[i] = t->points[i];
    }
    const struct sys_insn *last = &t->insns[t->insn_count - 1];
    uint32_t size = (uint32_t)wrap_linear(t, last->linear - t->linear) + last->len;
    bool two_pages = (t->linear & (GUEST_PAGE_SIZE - 1)) + size > GUEST_PAGE_SIZE;
    uint64_t end = (t->linear + size - 1) & (GUEST_PAGE_SIZE - 1);
    *tb = (struct tb){
        .pc = t->linear,
        .flags = t->mode,
        .size = size,
        .by_ram = true,
        .cs_base = t->cs_base,
        .ram = s->publish ? s->ram : SYS_NO_RAM,
        .ram_last = two_pages ? (s->ram_last & ~(GUEST_PAGE_SIZE - 1)) + end : s->ram + size - 1,
        .host = host,
        .checked = t->checked,
        .code_start = t->e.rx,
        .host_size = (uint32_t)t->e.len,
        .insns = (uint16_t)t->insn_count,
        .exit_count = (uint16_t)t->exit_count,
        .restart_count = (uint16_t)t->point_count,
        .exits = exits,
        .restarts = points,
    };
    code_region_commit(cpu, t->e.len);
    tb_register_host(tb);
    /* A vCPU may come to this TB by jumps in generated code alone, its own jump cache's
     * or ones that another vCPU has patched, and leave it by sys_light_exit, which reads
     * what is written above. It is in order: whoever lets code jump here does so after
     * these writes (releasing: tb_chain, or by the hash table, whose look-up acquires),
     * and x86 keeps stores in order, for fetches of code too, and loads behind them. */
    tsan_release(&sys_translate_max_insns);
    return tb;
}

static struct tb *translate_locked(struct sys_translation *t, struct source *s, int *why)
    REQUIRES(mmap_lock_cap)
{
    unsigned max = t->mode & SYS_MODE_ONE_INSN ? 1 : sys_translate_max_insns;
    *why = -EFAULT;
    if (!decode_block(t, s, max)) {
        return NULL;
    }
    struct tb *tb = lower_block(t, s, why);
    while (!tb && *why == -E2BIG) {
        assert(t->insn_count > 1); /* one always fits */
        t->insn_count = (t->insn_count + 1) / 2;
        tb = lower_block(t, s, why);
    }
    if (tb && s->publish) {
        tb_insert(tb);
    }
    return tb;
}

struct tb *sys_translate(struct sys_cpu *cpu, int *why)
{
    struct sys_translation t;
    struct source s;
    t.cpu = cpu;
    t.mode = cpu->mode;
    t.linear = sys_code_linear(cpu);
    t.cs_base = t.mode & SYS_MODE_CODE64 ? 0 : cpu->seg[SYS_CS].base;
    t.insn_count = 0;
    t.access = NULL;
    t.crosser = UINT64_MAX;
    t.ungrouped = t.mode & SYS_MODE_AC;
    s.publish = false;
    *why = -EFAULT;
    if (!find_source(&t, &s)) {
        return NULL;
    }
    if (s.device && s.have == 0) { /* the memory map has changed since */
        *why = cpu->exception.vector == SYS_NO_EXCEPTION ? -EAGAIN : -EFAULT;
        return NULL;
    }
    mmap_lock();
    bool fault = false;
    struct tb *tb = s.device ? NULL : sys_tb_find(cpu, &fault); /* somebody else was faster */
    if (!tb && !fault) {
        tb = translate_locked(&t, &s, why);
        if (!tb && s.publish) {
            unprotect_page(s.ram);
            unprotect_page(s.ram_last);
        }
        if (tb) {
            sys_log_tb(&t, tb);
        }
    }
    mmap_unlock();
    if (!tb && *why == -EFAULT && cpu->exception.vector == SYS_NO_EXCEPTION) {
        *why = -EAGAIN; /* memory has become a device's */
    }
    return tb;
}
