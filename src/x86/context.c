/* From a host signal's context back to the guest.
 *
 * A host instruction in translated code is covered by a restart point, which
 * names the guest instruction about to be executed and the registers whose
 * guest values are in slots. So the state is exact wherever the signal hits,
 * and generated code never has to poll. In generated entry and exit code, or
 * in C, the engine is on its way to a place that looks at exit_request, or
 * past it and about to jump through cpu->entry, which is diverted here.
 *
 * Everything runs in signal handlers: no locks, no allocation. */
#include "base/tsan.h"
#include "exec/code_cache.h"
#include "exec/tb.h"
#include "x86/engine.h"
#include "x86/stubs.h"

/* ucontext's register of each guest GPR. */
static const uint8_t greg_of[X86_GPRS] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

TSAN_SIGNAL_CODE static uint64_t host_reg(const ucontext_t *uc, unsigned n)
{
    return (uint64_t)uc->uc_mcontext.gregs[n];
}

TSAN_SIGNAL_CODE static const struct tb_restart *find_restart(const struct tb *tb, uint32_t off)
{
    unsigned lo = 0, hi = tb->restart_count;
    while (hi - lo > 1) {
        unsigned mid = (lo + hi) / 2;
        if (tb->restarts[mid].host_off <= off) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return &tb->restarts[lo];
}

/* The collide stub is between two TBs: the target is in RAX, and RDX is in
 * its slot from the second instruction on. */
static const struct tb_restart collide_first = {.kind = TB_RESTART_RAX,
                                                .saved = 1u << X86_RAX | 1u << X86_RCX};
static const struct tb_restart collide_rest = {
    .kind = TB_RESTART_RAX, .saved = 1u << X86_RAX | 1u << X86_RCX | 1u << X86_RDX};

/* The TB and restart point of a context in translated code, or NULL. */
TSAN_SIGNAL_CODE static const struct tb_restart *locate(const ucontext_t *uc, const struct tb **tb)
{
    uintptr_t pc = host_reg(uc, REG_RIP);
    if (pc >= x86_stubs.give_up && pc < x86_stubs.collide_end) {
        *tb = NULL;
        return pc == x86_stubs.collide ? &collide_first : &collide_rest;
    }
    if (!code_cache_contains(pc) || pc < x86_stubs.end) {
        return NULL;
    }
    *tb = tb_from_host(pc);
    return *tb ? find_restart(*tb, (uint32_t)(pc - (*tb)->code_start)) : NULL;
}

TSAN_SIGNAL_CODE static uint64_t guest_pc(const ucontext_t *uc, const struct tb *tb,
                                          const struct tb_restart *r)
{
    switch (r->kind) {
    case TB_RESTART_RAX:
        return host_reg(uc, REG_RAX);
    case TB_RESTART_EXIT:
        return tb->exits[r->guest_off].pc;
    case TB_RESTART_RUN:
        return tb->pc + r->guest_off + (host_reg(uc, REG_RIP) - tb->code_start - r->host_off);
    default:
        return tb->pc + r->guest_off;
    }
}

TSAN_SIGNAL_CODE enum x86_where x86_context_where(struct x86_cpu *cpu, const ucontext_t *uc,
                                                  uint64_t *pc)
{
    (void)cpu;
    const struct tb *tb;
    const struct tb_restart *r = locate(uc, &tb);
    if (r) {
        if (pc) {
            *pc = guest_pc(uc, tb, r);
        }
        return X86_IN_GUEST;
    }
    return code_cache_contains(host_reg(uc, REG_RIP)) ? X86_IN_STUBS : X86_IN_HOST;
}

TSAN_SIGNAL_CODE enum x86_where x86_context_take(struct x86_cpu *cpu, ucontext_t *uc,
                                                 enum x86_exit why)
{
    const struct tb *tb;
    const struct tb_restart *r = locate(uc, &tb);
    if (!r) {
        cpu->entry = x86_stubs.interrupt;
        return x86_context_where(cpu, uc, NULL);
    }
    cpu->rip = guest_pc(uc, tb, r);
    for (unsigned i = 0; i < X86_GPRS; i++) {
        cpu->gpr[i] = r->saved & (1u << i) ? cpu->slot[i] : host_reg(uc, greg_of[i]);
    }
    cpu->rflags = host_reg(uc, REG_EFL) & ~(uint64_t)X86_RF;
    cpu->stop = X86_STOP_SIGNAL;
    cpu->signal_result = why;
    cpu->insns_limit = 0;
    uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)(X86_TF | X86_DF | X86_AC);
    /* The guest's stack pointer may not be canonical: AMD CPUs don't return to that. */
    uc->uc_mcontext.gregs[REG_RSP] = (greg_t)cpu->host_rsp;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)x86_stubs.signal;
    return X86_IN_GUEST;
}

TSAN_SIGNAL_CODE bool x86_context_step_inside(struct x86_cpu *cpu, const ucontext_t *uc)
{
    const struct tb *tb;
    const struct tb_restart *r = locate(uc, &tb);
    if (!r || r->saved) {
        return true;
    }
    /* Entered with TF set, and nothing executed yet? That comes once: after it
     * a jump to itself or a repeated string instruction has made a step. */
    if ((cpu->rflags & X86_TF) && !cpu->arrived && guest_pc(uc, tb, r) == cpu->rip) {
        cpu->arrived = true;
        return true;
    }
    return false;
}
