/* From guest code to a TB: fetch, decode the block, lower it, publish.
 *
 * A block goes on behind conditional branches, so that straight code stays
 * straight, and ends with an unconditional one, at the end of a page, or at a
 * limit. Branches into the block itself jump directly; they too are exits,
 * so that invalidation can break a loop.
 *
 * Code of a TB: checked entry, body, exit stubs, literals. Everything from
 * the first byte on is covered by restart points. */
#include "x86/translate.h"

#include <errno.h>
#include <stdlib.h>

#include "base/tsan.h"
#include "exec/code_cache.h"
#include "exec/guest_ops.h"
#include "locks/mmap_lock.h"
#include "x86/disas.h"
#include "x86/stubs.h"

#define BRANCHES_MAX      (X86_TB_MAX_EXITS - 2)
#define CHECKED_ENTRY_MAX 48
#define STUB_SIZE         24
#define ALIGN_MAX         64
#define CODE_PER_INSN     112 /* of those that are not copied */

/* Decodes from pc up to the end of the block. Returns the number of
 * instructions; 0: pc (then *fault) is not executable. */
static unsigned decode_block(struct translation *t, unsigned max, bool protect, uint64_t *fault)
    REQUIRES(mmap_lock_cap)
{
    uint8_t buf[GUEST_PAGE_SIZE + 16];
    uint64_t page = t->pc & ~(GUEST_PAGE_SIZE - 1);
    size_t want = page + GUEST_PAGE_SIZE - t->pc;
    unsigned branches = 0;

    if (protect) {
        code_source->protect(page, GUEST_PAGE_SIZE);
    }
    size_t have = code_source->fetch(t->pc, buf, want);
    *fault = t->pc;
    size_t at = 0;
    while (t->insn_count < max) {
        struct x86_insn *in = &t->insns[t->insn_count];
        int r = have > at ? x86_decode(in, t->pc + at, buf + at, have - at) : -EAGAIN;
        if (r == -EAGAIN) {
            if (t->insn_count || have != want || have == 0) {
                *fault = t->pc + have;
                break; /* the block ends before what does not lie in this page */
            }
            /* its first instruction crosses into the next page */
            if (protect) {
                code_source->protect(page + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
            }
            have += code_source->fetch(page + GUEST_PAGE_SIZE, buf + have, 15);
            *fault = t->pc + have;
            if (have == want || x86_decode(in, t->pc, buf, have) == -EAGAIN) {
                break;
            }
            max = 1;
        }
        t->insn_count++;
        at += in->len;
        branches += in->cls == X86_INSN_JCC || in->cls == X86_INSN_LOOP;
        if (x86_insn_ends_tb(in) || branches >= BRANCHES_MAX) {
            break;
        }
    }
    return t->insn_count;
}

static bool is_direct_branch(const struct x86_insn *in)
{
    return in->cls == X86_INSN_JCC || in->cls == X86_INSN_LOOP || in->cls == X86_INSN_JMP ||
           in->cls == X86_INSN_CALL;
}

/* How many exits the block will have. */
static unsigned count_exits(const struct translation *t)
{
    unsigned n = x86_insn_ends_tb(&t->insns[t->insn_count - 1]) ? 0 : 1;
    for (unsigned i = 0; i < t->insn_count; i++) {
        n += is_direct_branch(&t->insns[i]);
        n += t->insns[i].cls == X86_INSN_SEG ? x86_seg_exits(&t->insns[i]) : 0;
    }
    return n;
}

static size_t code_estimate(const struct translation *t)
{
    size_t n = CHECKED_ENTRY_MAX + 2 * ALIGN_MAX + 2 * sizeof(t->literals);
    for (unsigned i = 0; i < t->insn_count; i++) {
        const struct x86_insn *in = &t->insns[i];
        bool copied = in->cls == X86_INSN_COPY && in->mem == X86_MEM_AS_IS;
        n += copied ? in->len : CODE_PER_INSN;
        if (in->cls == X86_INSN_FAR_RETURN || in->cls == X86_INSN_SEG) {
            n += CODE_PER_INSN; /* at most one of these, since they end the block */
        }
        if (in->cls == X86_INSN_JCC || in->cls == X86_INSN_LOOP) {
            n += ALIGN_MAX; /* its target may be a loop head to align */
        }
    }
    return n + (size_t)count_exits(t) * STUB_SIZE;
}

static size_t restart_estimate(const struct translation *t)
{
    return X86_RESTARTS_MORE + X86_RESTARTS_PER_INSN * t->insn_count + 2UL * count_exits(t);
}

/* Compares RAX with pc and gives RAX and RCX back, or goes to the collide stub;
 * flags stay as they are. */
static void emit_checked_entry(struct translation *t)
{
    struct emit *e = &t->e;
    static const uint8_t lea_rcx_rcx_rax[] = {0x48, 0x8d, 0x0c, 0x01};
    static const uint8_t jrcxz_over_jmp[] = {0xe3, 0x05};
    x86_restart_rax(t, 1u << X86_RAX | 1u << X86_RCX);
    emit_mov_imm(e, X86_RCX, -t->pc);
    emit_bytes(e, lea_rcx_rcx_rax, sizeof(lea_rcx_rcx_rax));
    emit_bytes(e, jrcxz_over_jmp, sizeof(jrcxz_over_jmp));
    emit_jmp(e, x86_stubs.collide);
    emit_restore_slot(e, X86_RCX);
    x86_restart_rax(t, 1u << X86_RAX);
    emit_restore_slot(e, X86_RAX);
}

static size_t checked_entry_size(uint64_t pc)
{
    uint8_t bytes[16];
    struct emit e = {.rw = bytes, .cap = sizeof(bytes)};
    emit_mov_imm(&e, X86_RCX, -pc);
    return e.len + 4 + 2 + 5 + 9 + 9; /* lea, jrcxz, jmp, two loads */
}

/* How the guest's code is aligned: loops that were laid out for fetch and
 * decode stay so. */
static size_t alignment_of(uint64_t pc)
{
    return pc % 64 == 0 ? 64 : pc % 32 == 0 ? 32 : pc % 16 == 0 ? 16 : 1;
}

static int find_insn(const struct translation *t, uint64_t pc)
{
    if (pc < t->pc || pc > t->insns[t->insn_count - 1].pc) {
        return -1;
    }
    for (unsigned i = 0; i < t->insn_count; i++) {
        if (t->insns[i].pc == pc) {
            return (int)i;
        }
    }
    return -1;
}

/* Whether a branch further down leads back to instruction i. */
static bool is_loop_head(const struct translation *t, unsigned i)
{
    for (unsigned k = i; k < t->insn_count; k++) {
        const struct x86_insn *in = &t->insns[k];
        if ((in->cls == X86_INSN_JCC || in->cls == X86_INSN_JMP) && in->target == t->insns[i].pc) {
            return true;
        }
    }
    return false;
}

static void lower_body(struct translation *t)
{
    struct emit *e = &t->e;
    for (unsigned i = 0; i < t->insn_count; i++) {
        const struct x86_insn *in = &t->insns[i];
        if (i && in->pc % 16 == 0 && is_loop_head(t, i)) {
            x86_restart_at(t, in, 0);
            emit_nops(e, -emit_pc(e) & (alignment_of(in->pc) - 1));
        }
        t->insn_off[i] = (uint16_t)e->len;
        x86_lower(t, in);
    }
    const struct x86_insn *last = &t->insns[t->insn_count - 1];
    if (!x86_insn_ends_tb(last)) {
        x86_restart_after(t, last, 0);
        x86_lower_exit(t, -1, x86_insn_next(last));
    }
}

static void finish_exits(struct translation *t, struct tb *tb, struct tb_exit *exits)
{
    struct emit *e = &t->e;
    for (unsigned i = 0; i < t->exit_count && !e->overflow; i++) {
        t->exits[i].from = tb;
        t->exits[i].stub = emit_pc(e);
        x86_restart_exit(t, i, 0);
        struct emit_mem m = emit_gs(offsetof(struct x86_cpu, exit));
        emit_op_mem(e, 0, false, 0xc7, 0, &m, 4); /* mov dword gs:[exit], offset */
        emit_u32(e, (uint32_t)(code_rx(&exits[i]) - code_cache_rx_start()));
        emit_jmp(e, x86_stubs.chain);
        int inside = find_insn(t, t->exits[i].pc);
        if (inside >= 0 && t->insn_count > 1 && !log_on(LOG_NOCHAIN)) {
            t->exits[i].inside = e->rx + t->insn_off[inside];
        }
        emit_patch_rel32(e, t->exits[i].field,
                         t->exits[i].inside ? t->exits[i].inside : t->exits[i].stub);
        exits[i] = t->exits[i];
    }
}

static void finish_literals(struct translation *t)
{
    struct emit *e = &t->e;
    for (unsigned i = 0; i < t->literal_count; i++) {
        emit_nops(e, -emit_pc(e) & 7);
        emit_patch_rel32(e, t->literal_fields[i], emit_pc(e));
        emit_u64(e, t->literals[i]);
    }
}

/* Lowers into the vCPU's region and makes a TB of it. NULL: cache full. */
static struct tb *lower_block(struct cpu *cpu, struct translation *t) REQUIRES(mmap_lock_cap)
{
    size_t need = code_estimate(t);
    unsigned exit_count = count_exits(t);
    size_t meta = sizeof(struct tb) + exit_count * sizeof(struct tb_exit) +
                  restart_estimate(t) * sizeof(struct tb_restart) + 64;
    uint8_t *rw = code_region_reserve(cpu, need, meta);
    if (!rw) {
        return NULL;
    }
    uintptr_t rx = code_rx(rw);
    size_t pad = -(rx + checked_entry_size(t->pc)) & (alignment_of(t->pc) - 1);
    t->e = (struct emit){.rw = rw + pad, .rx = rx + pad, .cap = need - pad};

    struct tb *tb = code_region_meta(cpu, sizeof(*tb));
    struct tb_exit *exits = code_region_meta(cpu, exit_count * sizeof(*exits));
    emit_checked_entry(t);
    uintptr_t host = emit_pc(&t->e);
    lower_body(t);
    finish_exits(t, tb, exits);
    finish_literals(t);
    if (t->e.overflow || t->exit_count != exit_count || t->restart_count > restart_estimate(t)) {
        abort(); /* an estimate is wrong: our own bug */
    }
    struct tb_restart *restarts =
        code_region_meta(cpu, t->restart_count * sizeof(struct tb_restart));
    for (unsigned i = 0; i < t->restart_count; i++) {
        restarts[i] = t->restarts[i];
    }
    const struct x86_insn *last = &t->insns[t->insn_count - 1];
    *tb = (struct tb){
        .pc = t->pc,
        .size = (uint32_t)(x86_insn_next(last) - t->pc),
        .host = host,
        .checked = t->e.rx,
        .code_start = t->e.rx,
        .host_size = (uint32_t)t->e.len,
        .insns = (uint16_t)t->insn_count,
        .exit_count = (uint16_t)t->exit_count,
        .restart_count = (uint16_t)t->restart_count,
        .exits = exits,
        .restarts = restarts,
    };
    code_region_commit(cpu, pad + t->e.len);
    tb_register_host(tb);
    /* A vCPU may come to this TB by jumps in generated code alone. */
    tsan_release(&x86_translate_max_insns);
    return tb;
}

struct tb *x86_translate(struct cpu *cpu, uint64_t pc, uint64_t limit, int *why, uint64_t *fault)
{
    struct translation t;
    bool publish = limit != 1;
    t.pc = pc;
    t.insn_count = t.exit_count = t.restart_count = t.literal_count = 0;

    mmap_lock();
    struct tb *tb = publish ? tb_lookup(pc, 0) : NULL; /* somebody else was faster */
    if (!tb) {
        unsigned max = publish ? x86_translate_max_insns : 1;
        *why = -EFAULT;
        if (decode_block(&t, max, publish, fault)) {
            *why = -ENOSPC;
            tb = lower_block(cpu, &t);
        }
        if (tb && publish) {
            tb_insert(tb);
        }
        if (tb) {
            x86_disas_log(&t, tb);
        }
    }
    mmap_unlock();
    return tb;
}
