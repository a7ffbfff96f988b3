/* From guest code to a TB: decode the block (source.c), lower it, publish; or have it made
 * from one that there is (clone.c).
 *
 * A block goes on behind conditional branches and ends with an unconditional one,
 * with an instruction for C, at the end of the page, or at a limit. Only a block
 * of one instruction lies on two pages. In modes that look at each instruction
 * (single step, interrupt shadow, breakpoints) blocks have one, and come back to
 * the loop behind it.
 *
 * Code of a TB: the entry for flags that are aside, the entry for flags in RFLAGS
 * (the same where they are dead), body, code out of line, exits. Both entries poll
 * cpu->exit_request first, but for jumps onward (struct tb).
 *
 * With SYS_MODE_ICOUNT the entry then takes the block's instructions off the vCPU's
 * count, and whoever leaves before its end gives the rest back. The block ends with the
 * first conditional branch, so that no way out needs code for that. */
#include "x86sys/translate.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/tsan.h"
#include "exec/code_cache.h"
#include "locks/mmap_lock.h"
#include "x86sys/log.h"
#include "x86sys/source.h"
#include "x86sys/stubs.h"

#define CODE_MAX (16UL << 10)
#define META_MAX (7UL << 10)

/* All metadata of a block; a copy asks for less. */
_Static_assert(sizeof(struct tb) + SYS_TB_MAX_EXITS * sizeof(struct tb_exit) +
                       SYS_TB_MAX_C * sizeof(struct sys_insn) +
                       (size_t)SYS_TB_MAX_POINTS * sizeof(struct tb_restart) +
                       sizeof(struct tb_template) + SYS_RELOCS_MAX * sizeof(uint16_t) +
                       (4UL + SYS_TB_MAX_C) * 15 <=
                   META_MAX,
               "metadata of the longest block");

bool sys_translate_copies IMMUTABLE_AFTER_INIT = true;
unsigned sys_translate_max_insns IMMUTABLE_AFTER_INIT = SYS_TB_MAX_INSNS;

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
    if (!sys_source_ends_block(t, last)) {
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

/* What it takes to make others from it; NULL: that can't be done. */
static struct tb_template *make_template(struct sys_translation *t, struct tb *tb)
    REQUIRES(mmap_lock_cap)
{
    const struct sys_relocs *r = &t->relocs;
    if (!sys_reloc_end(t)) {
        return NULL;
    }
    size_t size = r->count * sizeof(r->e[0]);
    struct tb_template *template = code_region_meta(&t->cpu->cpu, sizeof(*template) + size);
    *template = (struct tb_template){.tb = tb, .reloc_count = r->count};
    memcpy(template->relocs, r->e, size);
    return template;
}

/* Lowers into the vCPU's region and makes a TB of it. NULL: *why says whether the
 * cache is full (-ENOSPC) or the block too long (-E2BIG). */
static struct tb *lower_block(struct sys_translation *t, const struct sys_source *s, int *why)
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
    uint32_t size = (uint32_t)sys_source_wrap(t, last->linear - t->linear) + last->len;
    bool two_pages = (t->linear & (GUEST_PAGE_SIZE - 1)) + size > GUEST_PAGE_SIZE;
    uint64_t end = (t->linear + size - 1) & (GUEST_PAGE_SIZE - 1);
    *tb = (struct tb){
        .pc = t->linear,
        .flags = t->mode,
        .size = size,
        .by_ram = true,
        .cs = t->cs,
        .ram = s->publish ? s->ram : SYS_NO_RAM,
        .ram_last = two_pages ? (s->ram_last & ~(GUEST_PAGE_SIZE - 1)) + end : s->ram + size - 1,
        .host = host,
        .checked = t->checked,
        .onward = {t->onward[0], t->onward[1]},
        .code_start = t->e.rx,
        .host_size = (uint32_t)t->e.len,
        .insns = (uint16_t)t->insn_count,
        .exit_count = (uint16_t)t->exit_count,
        .restart_count = (uint16_t)t->point_count,
        .exits = exits,
        .restarts = points,
    };
    t->template = s->publish && !two_pages ? make_template(t, tb) : NULL;
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

/* Makes the block from what has been translated for another linear address. NULL: it
 * could not, which is no error but if the cache is full. */
static struct tb *copy_block(struct sys_translation *t, struct sys_source *s, int *why)
    REQUIRES(mmap_lock_cap)
{
    const struct tb_template *from =
        s->device || !sys_translate_copies ? NULL : tb_template_find(s->ram, t->mode);
    if (!from) {
        return NULL;
    }
    if (log_on(LOG_IN_ASM | LOG_OP)) { /* which is all that wants to see instructions */
        if (!sys_source_decode(t, s, sys_translate_max_insns)) {
            return NULL;
        }
        sys_flags_analyse(t);
    }
    struct tb *tb = sys_tb_clone(t->cpu, from, t->linear, why);
    if (tb) {
        t->copied = true;
        tsan_release(&sys_translate_max_insns); /* as in lower_block */
        tb_insert(tb);
    }
    return tb;
}

static struct tb *translate_locked(struct sys_translation *t, struct sys_source *s, int *why)
    REQUIRES(mmap_lock_cap)
{
    unsigned max = t->mode & SYS_MODE_ONE_INSN ? 1 : sys_translate_max_insns;
    *why = -EFAULT;
    struct tb *tb = copy_block(t, s, why);
    if (tb || *why == -ENOSPC) {
        return tb;
    }
    *why = -EFAULT;
    t->insn_count = 0;
    if (!sys_source_decode(t, s, max)) {
        return NULL;
    }
    tb = lower_block(t, s, why);
    while (!tb && *why == -E2BIG) {
        assert(t->insn_count > 1); /* one always fits */
        t->insn_count = (t->insn_count + 1) / 2;
        tb = lower_block(t, s, why);
    }
    if (tb && s->publish) {
        tb_insert(tb);
        if (t->template) {
            tb_template_add(t->template);
        }
    }
    return tb;
}

struct tb *sys_translate(struct sys_cpu *cpu, int *why)
{
    struct sys_translation t;
    struct sys_source s;
    t.cpu = cpu;
    t.mode = cpu->mode;
    t.linear = sys_code_linear(cpu);
    t.cs = sys_code_segment(cpu);
    t.insn_count = 0;
    t.access = NULL;
    t.crosser = UINT64_MAX;
    t.copied = false;
    t.ungrouped = t.mode & SYS_MODE_AC;
    s.publish = false;
    *why = -EFAULT;
    if (!sys_source_find(&t, &s)) {
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
        if (!tb) {
            sys_source_give_up(&s);
        }
        if (tb) {
            cpu->counts[t.copied ? SYS_COUNT_COPIED : SYS_COUNT_MADE]++;
            sys_log_tb(&t, tb);
        }
    }
    mmap_unlock();
    if (!tb && *why == -EFAULT && cpu->exception.vector == SYS_NO_EXCEPTION) {
        *why = -EAGAIN; /* memory has become a device's */
    }
    return tb;
}
