/* Guest instructions that the host CPU refuses while they run as themselves: a
 * division, an unmasked x87 or SSE exception, a control register value that does
 * not exist, an instruction that this host has not got. The host's exception comes
 * as a signal; the handler makes the thread go on at the way out of generated
 * code, where it becomes the guest's. Nothing of the instruction has happened.
 *
 * The translator notes a point (sys_emit_trap_point) before each instruction that
 * can do this. A signal from anywhere else is what it would be without us. */
#include <signal.h>
#include <ucontext.h>

#include "exec/code_cache.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"

static const struct tb_restart *find_point(const struct tb *tb, uint64_t off)
{
    for (unsigned i = 0; i < tb->restart_count; i++) {
        if (tb->restarts[i].host_off == off) {
            return &tb->restarts[i];
        }
    }
    return NULL;
}

static uint64_t guest_ip(const struct tb *tb, const struct tb_restart *p)
{
    uint64_t ip = tb->pc - sys_segment_base(tb->cs) + p->guest_off;
    if (tb->flags & SYS_MODE_CODE64) {
        return ip;
    }
    return ip & (tb->flags & SYS_MODE_CODE32 ? UINT32_MAX : UINT16_MAX);
}

/* The guest's vector for the host's, or SYS_NO_EXCEPTION. */
static uint8_t guest_vector(const struct sys_cpu *cpu, greg_t trap)
{
    switch (trap) {
    case SYS_DE:
    case SYS_UD:
    case SYS_GP:
    case SYS_MF:
        return (uint8_t)trap;
    case SYS_XM:
        return cpu->cr4 & SYS_CR4_OSXMMEXCPT ? SYS_XM : SYS_UD;
    default:
        return SYS_NO_EXCEPTION;
    }
}

static bool redirect(ucontext_t *uc)
{
    greg_t *g = uc->uc_mcontext.gregs;
    uintptr_t host = (uintptr_t)g[REG_RIP];
    const struct tb *tb = tb_from_host(host);
    const struct tb_restart *p = tb ? find_point(tb, host - tb->code_start) : NULL;
    uint8_t vector = p ? guest_vector(sys_cpu_of(current_cpu), g[REG_TRAPNO]) : SYS_NO_EXCEPTION;
    if (vector == SYS_NO_EXCEPTION) {
        return false;
    }
    g[REG_R13] = (greg_t)guest_ip(tb, p); /* SYS_HOST_S0, S1: see stubs.h */
    unsigned ahead = tb->flags & SYS_MODE_ICOUNT ? tb->insns - (unsigned)p->kind : 0;
    g[REG_R14] =
        (greg_t)(SYS_LEAVE_RAISE | (unsigned)p->saved << SYS_LEAVE_FLAGS_SHIFT |
                 (unsigned)vector << SYS_LEAVE_VECTOR_SHIFT | ahead << SYS_LEAVE_AHEAD_SHIFT);
    g[REG_RIP] = (greg_t)sys_stubs.leave;
    return true;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)info;
    if (!redirect(context)) { /* it is raised again when we return */
        (void)signal(sig, SIG_DFL);
    }
}

void sys_host_fault_init(void)
{
    static const int signals[] = {SIGFPE, SIGILL, SIGSEGV};
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
}
