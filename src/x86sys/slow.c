/* The C side of memory accesses that miss the TLB, called by the stubs in the
 * middle of a TB; and the way out of the read section for those that reach a
 * device.
 *
 * The stub's return address says where the guest is, by the TB's points: looked up
 * only when needed, and then while still inside, since outside a flush may take
 * the TB. After one that happened meanwhile (`lost`) the stub must not go back:
 * a write is over, and the guest goes on behind the instruction; what a read has
 * brought is kept for the instruction's second run.
 *
 * A locked access that goes by the bounce buffer has the world stand still from here
 * to its commit; the one instruction in between runs with this vCPU outside, as the
 * section's owner.
 *
 * While instructions are counted, settling also says how many of the block are still
 * ahead, so that whoever asks for the time gets that of this instruction. */
#include <assert.h>

#include "exec/code_cache.h"
#include "exec/exclusive.h"
#include "exec/icount.h"
#include "x86sys/inside.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"
#include "x86sys/vector.h"
#include "x86sys/walk.h"

void sys_take_flags(struct sys_cpu *cpu, uint64_t host_flags, enum sys_flags_at where)
{
    uint64_t flags = host_flags & X86_DF;
    if (where == SYS_FLAGS_HOST) {
        flags |= host_flags & SYS_RF_ARITH;
    } else if (where == SYS_FLAGS_ASIDE) {
        flags |= (cpu->flags >> 8 & (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF)) |
                 (cpu->flags & 1 ? X86_OF : 0);
    }
    cpu->rflags = (cpu->rflags & ~(uint64_t)(SYS_RF_ARITH | X86_DF)) | flags;
}

static const struct tb_restart *find_point(const struct tb *tb, uintptr_t ret)
{
    uint64_t off = ret - tb->code_start;
    for (unsigned i = 0; i < tb->restart_count; i++) {
        if (tb->restarts[i].host_off == off) {
            return &tb->restarts[i];
        }
    }
    return NULL;
}

/* RIP and flags at the access that is under way, or behind its instruction. */
static void settle(struct sys_cpu *cpu)
{
    if (cpu->slow.settled) {
        return;
    }
    const struct tb *tb = tb_from_host(cpu->slow.ret - 1);
    const struct tb_restart *p = tb ? find_point(tb, cpu->slow.ret) : NULL;
    assert(p); /* the translator notes one for each call */
    uint64_t ip = tb->pc - sys_segment_base(tb->cs) + p->guest_off;
    if (cpu->slow.behind) {
        ip = p->pad ? ip + p->pad : cpu->kept_target;
    }
    if (!(tb->flags & SYS_MODE_CODE64)) {
        ip &= tb->flags & SYS_MODE_CODE32 ? UINT32_MAX : UINT16_MAX;
    }
    cpu->rip = ip;
    sys_take_flags(cpu, cpu->slow.host_flags, (enum sys_flags_at)p->saved);
    cpu->slow.settled = true;
    if (tb->flags & SYS_MODE_ICOUNT) {
        cpu->cpu.icount.ahead = tb->insns - p->kind - (cpu->slow.behind ? 1 : 0);
    }
}

/* Back to the TB. */
static bool go_back(struct sys_cpu *cpu)
{
    cpu->cpu.icount.ahead = 0;
    return true;
}

/* The TB is left where the guest has been found to be. */
static bool leave(struct sys_cpu *cpu)
{
    cpu->cpu.icount.left += cpu->cpu.icount.ahead;
    cpu->cpu.icount.ahead = 0;
    return false;
}

/* A device has set a timer that the rest of the TB must not outrun. */
static bool is_overdrawn(const struct sys_cpu *cpu)
{
    return cpu->mode & SYS_MODE_ICOUNT && cpu->cpu.icount.left < 0 && !cpu->slow.alone;
}

/* A device has raised an interrupt, which comes right behind the instruction. */
static bool is_interrupted(const struct sys_cpu *cpu)
{
    return cpu->mode & SYS_MODE_ICOUNT &&
           atomic_load_explicit(&cpu->cpu.exit_request, memory_order_relaxed) & CPU_EXIT_INTERRUPT;
}

static void begin(struct sys_cpu *cpu, uintptr_t ret, uint64_t host_flags, bool behind)
{
    cpu->slow.ret = ret;
    cpu->slow.host_flags = host_flags;
    cpu->slow.behind = behind;
    cpu->slow.settled = false;
    cpu->slow.lost = false;
}

/* An exception at the instruction, whatever it had done. */
static bool faulted(struct sys_cpu *cpu)
{
    cpu->slow.behind = false;
    cpu->slow.settled = false;
    settle(cpu);
    cpu->stop = SYS_STOP_EXCEPTION;
    return leave(cpu);
}

bool sys_slow_begin(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                    uintptr_t ret, uint64_t host_flags)
{
    begin(cpu, ret, host_flags, false);
    cpu->counts[SYS_COUNT_SLOW]++;
    cpu->commit = 0;
    if (!cpu->tlb.victim_run) {
        cpu->tlb.victim_run = SYS_TLB_VICTIM_RUN;
    }
    if (!sys_slow_check(cpu, &linear, size, access)) {
        return faulted(cpu);
    }
    if (access & SYS_SLOW_SEGMENT) {
        cpu->slow.result = linear;
        return true;
    }
    unsigned slot = access >> SYS_SLOW_RECENT_SHIFT;
    access &= SYS_READ | SYS_WRITE | SYS_LOCKED;
    if (cpu->slow.kept && cpu->bounce.linear == linear && cpu->bounce.size == size &&
        cpu->bounce.access == access) {
        cpu->slow.kept = false;
        cpu->commit = access & SYS_WRITE ? 1 : 0;
        cpu->slow.result = (uintptr_t)sys_bounce_data(&cpu->bounce);
        return go_back(cpu);
    }
    bool commit = false;
    cpu->slow.result = sys_access_begin(cpu, linear, size, access, &commit);
    cpu->commit = commit;
    if (cpu->slow.lost || is_overdrawn(cpu)) {
        bool fault = cpu->exception.vector != SYS_NO_EXCEPTION;
        cpu->slow.kept = cpu->slow.result != 0;
        cpu->stop = fault ? SYS_STOP_EXCEPTION : SYS_STOP_NEXT;
        return leave(cpu);
    }
    if (!cpu->slow.result) {
        return faulted(cpu);
    }
    if (slot) {
        sys_tlb_recent_fill(cpu, linear, slot);
    }
    return go_back(cpu);
}

/* As sys_outside_begin, with everybody else outside too. The TB stays: flushes are
 * exclusive sections themselves. */
bool sys_alone_begin(struct sys_cpu *cpu) NO_THREAD_SAFETY_ANALYSIS
{
    sys_vec_save(cpu);
    settle(cpu);
    sys_tlb_use_end(&cpu->tlb);
    uint64_t flushes = tb_flush_count();
    cpu_exec_end(&cpu->cpu);
    start_exclusive();
    cpu->slow.alone = tb_flush_count() == flushes;
    if (!cpu->slow.alone) {
        end_exclusive();
        cpu_exec_start(&cpu->cpu);
        sys_tlb_use_begin(&cpu->tlb);
        cpu->slow.lost = true;
    }
    return cpu->slow.alone;
}

static void alone_end(struct sys_cpu *cpu) NO_THREAD_SAFETY_ANALYSIS
{
    cpu->slow.alone = false;
    sys_vec_save(cpu);
    settle(cpu);
    uint64_t flushes = tb_flush_count();
    end_exclusive();
    cpu_exec_start(&cpu->cpu);
    cpu->slow.lost |= tb_flush_count() != flushes;
    sys_tlb_sync(cpu);
    sys_tlb_use_begin(&cpu->tlb);
}

/* Whether the block ends behind the instruction anyhow, with a step for the loop. */
static bool one_insn(const struct sys_cpu *cpu)
{
    return cpu->mode & SYS_MODE_ONE_INSN;
}

bool sys_slow_commit(struct sys_cpu *cpu, uintptr_t ret, uint64_t host_flags)
{
    begin(cpu, ret, host_flags, true);
    cpu->counts[SYS_COUNT_COMMIT]++;
    bool stored = sys_access_commit(cpu);
    if (cpu->slow.alone) {
        alone_end(cpu);
    }
    if (!stored && !cpu->slow.lost) {
        return faulted(cpu);
    }
    cpu->stop = !stored ? SYS_STOP_EXCEPTION : one_insn(cpu) ? SYS_STOP_STEP : SYS_STOP_NEXT;
    if (cpu->slow.lost) {
        return leave(cpu);
    }
    if (is_overdrawn(cpu) || is_interrupted(cpu)) {
        settle(cpu);
        return leave(cpu);
    }
    /* It has stored to the code of this very TB: what follows may have changed. */
    const struct tb *tb = tb_from_host(ret - 1);
    if (tb && atomic_load_explicit(&tb->invalid, memory_order_relaxed) && tb->ram != SYS_NO_RAM) {
        settle(cpu);
        return leave(cpu);
    }
    return go_back(cpu);
}

/* Conditional, between a caller and a callee that know of no section: beyond what
 * clang follows. */
bool sys_outside_begin(struct sys_cpu *cpu) NO_THREAD_SAFETY_ANALYSIS
{
    sys_vec_save(cpu);
    bool inside = atomic_load_explicit(&cpu->cpu.inside, memory_order_relaxed);
    if (inside) {
        settle(cpu);
    }
    if (cpu->mode & SYS_MODE_ICOUNT) {
        icount_publish();
    }
    if (!inside) {
        return false;
    }
    cpu->slow.flushes = tb_flush_count();
    cpu_exec_end(&cpu->cpu);
    return true;
}

void sys_outside_end(struct sys_cpu *cpu, bool was_inside) NO_THREAD_SAFETY_ANALYSIS
{
    if (was_inside) {
        cpu_exec_start(&cpu->cpu);
        cpu->slow.lost |= tb_flush_count() != cpu->slow.flushes;
    }
}
