/* The host's signal handlers. They run on the vCPU's thread at any
 * instruction, of translated code or of ours, on the thread's own stack and
 * with all signals blocked; so they touch only what that thread owns, and
 * take a lock (the mmap_lock, for self-modifying code) only where the
 * interrupted code is known to hold none below it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/tb.h"
#include "user/host_syscall_asm.h"
#include "user/signal_internal.h"
#include "user/smc.h"

#define PF_WRITE        2 /* page fault error code */
#define FAULTS_IN_A_ROW 100

/* The kernel's signal set is shorter than libc's. */
SIGNAL_HANDLER_CODE static void set_context_mask(ucontext_t *uc, uint64_t mask)
{
    memcpy(&uc->uc_sigmask, &mask, sizeof(mask));
}

/* Room is kept for the others when signal 64 is sent to a guest that blocks
 * it; of them there is one of each at the most. */
#define KICK_QUEUE (SIGNAL_QUEUE - 8)

SIGNAL_HANDLER_CODE static struct queued_signal *find_free(struct thread_signals *s, int sig)
{
    struct queued_signal *free_entry = NULL;
    unsigned used = 0;
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        int held = atomic_load_explicit(&s->queue[i].sig, memory_order_relaxed);
        if (held == sig && sig < SIGNAL_RT_FIRST) {
            return NULL; /* pending already: standard signals do not queue */
        }
        if (!held && !free_entry) {
            free_entry = &s->queue[i];
        }
        used += held != 0;
    }
    return sig == SIGNAL_KICK && used >= KICK_QUEUE ? NULL : free_entry;
}

SIGNAL_HANDLER_CODE void signals_enqueue(struct thread_signals *s, int sig, const siginfo_t *info)
{
    struct queued_signal *entry = find_free(s, sig);
    if (entry) {
        entry->info = *info;
        entry->seq = s->next_seq++;
        /* The loop runs on this thread: only the compiler could reorder. */
        atomic_signal_fence(memory_order_release);
        atomic_store_explicit(&entry->sig, sig, memory_order_relaxed);
    }
}

/* Makes the CPU loop come round to look at the queue. */
SIGNAL_HANDLER_CODE static void make_pending(struct user_thread *t, ucontext_t *uc)
{
    atomic_store_explicit(&t->signals.pending, true, memory_order_relaxed);
    atomic_fetch_or_explicit(&t->cpu->cpu.exit_request, CPU_EXIT_SIGNAL, memory_order_relaxed);
    if (!safe_syscall_interrupt(uc)) {
        x86_context_take(t->cpu, uc, X86_EXIT_INTERRUPT);
    }
}

SIGNAL_HANDLER_CODE void host_signal_guest(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    struct user_thread *t = current_thread;
    int saved_errno = errno;
    if (!t) {
        /* One of the emulator's own threads: it wants none of these. */
        set_context_mask(uc, ~SIGNAL_ALWAYS_SET);
        host_syscall(SYS_kill, (uint64_t)getpid(), (uint64_t)sig, 0, 0, 0, 0);
    } else {
        signals_enqueue(&t->signals, sig, info);
        atomic_store_explicit(&t->signals.throttled, true, memory_order_relaxed);
        set_context_mask(uc, ~SIGNAL_ALWAYS_SET);
        make_pending(t, uc);
    }
    errno = saved_errno;
}

/* One of SIGNAL_ALWAYS_SET that somebody sent. */
SIGNAL_HANDLER_CODE static void sent_to_guest(struct user_thread *t, int sig, const siginfo_t *info,
                                              ucontext_t *uc)
{
    signals_enqueue(&t->signals, sig, info);
    if (!(t->signals.mask & signal_bit(sig))) {
        make_pending(t, uc);
    }
}

/* The engine wants the thread out of guest code. */
SIGNAL_HANDLER_CODE static void kicked(struct user_thread *t, ucontext_t *uc)
{
    if (!safe_syscall_kicked(uc) &&
        atomic_load_explicit(&t->cpu->cpu.exit_request, memory_order_relaxed)) {
        x86_context_take(t->cpu, uc, X86_EXIT_INTERRUPT);
    }
}

/* Pairs with the engine's kick. */
SIGNAL_HANDLER_CODE static bool was_kicked_by_trap(struct user_thread *t, int sig)
{
    return sig == SIGTRAP &&
           atomic_exchange_explicit(&t->cpu->kicked_by_trap, false, memory_order_acquire);
}

SIGNAL_HANDLER_CODE void host_signal_kick(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    struct user_thread *t = current_thread;
    int saved_errno = errno;
    if (!t) {
        return;
    }
    if (info->si_code == SI_TKILL) {
        kicked(t, uc);
    } else {
        signal_unmark(info);
        sent_to_guest(t, sig, info, uc);
    }
    errno = saved_errno;
}

SIGNAL_HANDLER_CODE static uint64_t greg(const ucontext_t *uc, int n)
{
    return (uint64_t)uc->uc_mcontext.gregs[n];
}

/* Our own bug. One line, and the death that a debugger or a core shows. */
SIGNAL_HANDLER_CODE _Noreturn static void crash(int sig, const siginfo_t *info,
                                                const ucontext_t *uc)
{
    char line[512];
    int n = snprintf(line, sizeof(line),
                     "mortise: internal error: signal %d (code %d, address %p) at host pc 0x%llx "
                     "rax=%llx rbx=%llx rcx=%llx rdx=%llx rsi=%llx rdi=%llx rbp=%llx rsp=%llx "
                     "r8=%llx r9=%llx r10=%llx r11=%llx r12=%llx r13=%llx r14=%llx r15=%llx "
                     "guest pc 0x%llx\n",
                     sig, info->si_code, info->si_addr, (unsigned long long)greg(uc, REG_RIP),
                     (unsigned long long)greg(uc, REG_RAX), (unsigned long long)greg(uc, REG_RBX),
                     (unsigned long long)greg(uc, REG_RCX), (unsigned long long)greg(uc, REG_RDX),
                     (unsigned long long)greg(uc, REG_RSI), (unsigned long long)greg(uc, REG_RDI),
                     (unsigned long long)greg(uc, REG_RBP), (unsigned long long)greg(uc, REG_RSP),
                     (unsigned long long)greg(uc, REG_R8), (unsigned long long)greg(uc, REG_R9),
                     (unsigned long long)greg(uc, REG_R10), (unsigned long long)greg(uc, REG_R11),
                     (unsigned long long)greg(uc, REG_R12), (unsigned long long)greg(uc, REG_R13),
                     (unsigned long long)greg(uc, REG_R14), (unsigned long long)greg(uc, REG_R15),
                     current_thread ? (unsigned long long)current_thread->cpu->rip : 0ULL);
    if (n > 0) {
        size_t len = (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
        host_syscall(SYS_write, STDERR_FILENO, (uint64_t)(uintptr_t)line, len, 0, 0, 0);
    }
    const struct host_sigaction dfl = {.handler = 0};
    const uint64_t set = signal_bit(sig);
    host_sigaction(sig, &dfl, NULL);
    host_sigmask(SIG_UNBLOCK, &set, NULL);
    host_syscall(SYS_tgkill, (uint64_t)getpid(), (uint64_t)gettid(), (uint64_t)sig, 0, 0, 0);
    for (;;) {
        host_syscall(SYS_exit_group, 128 + (uint64_t)sig, 0, 0, 0, 0, 0);
    }
}

SIGNAL_HANDLER_CODE static bool is_protection_write(int sig, const siginfo_t *info,
                                                    const ucontext_t *uc)
{
    return sig == SIGSEGV && info->si_code == SEGV_ACCERR && (greg(uc, REG_ERR) & PF_WRITE);
}

/* A store hit a page that is write-protected because of its translations.
 * Now it may go ahead; but if it changes the very block it is in, the block
 * must not go on, and the store itself runs in a block of its own. */
SIGNAL_HANDLER_CODE static bool stored_to_code(struct user_thread *t, int sig,
                                               const siginfo_t *info, ucontext_t *uc, uint64_t pc)
{
    uint64_t addr = (uint64_t)(uintptr_t)info->si_addr;
    if (!is_protection_write(sig, info, uc) || !smc_handle_write_fault(addr)) {
        return false;
    }
    if (addr - pc + 2 * GUEST_PAGE_SIZE < 4 * GUEST_PAGE_SIZE) {
        x86_context_take(t->cpu, uc, X86_EXIT_INTERRUPT);
        t->cpu->insns_limit = 1;
    }
    return true;
}

SIGNAL_HANDLER_CODE static void guest_fault(struct user_thread *t, int sig, const siginfo_t *info,
                                            ucontext_t *uc, uint64_t pc)
{
    struct thread_signals *s = &t->signals;
    s->fault = *info;
    s->trapno = greg(uc, REG_TRAPNO);
    s->err = greg(uc, REG_ERR);
    if (sig == SIGILL || sig == SIGFPE) {
        s->fault.si_addr = (void *)(uintptr_t)pc; /* not where the copy is */
    }
    if (s->trapno == 14) {
        s->cr2 = greg(uc, REG_CR2);
    }
    x86_context_take(t->cpu, uc, sig == SIGTRAP ? X86_EXIT_STEP : X86_EXIT_FAULT);
}

/* A signal that says it is a fault, in our own code, may have been sent: by
 * rt_sigqueueinfo, as F_SETSIG's, or as a child's exit signal. A fault comes
 * again at once. */
SIGNAL_HANDLER_CODE static bool is_stuck(struct thread_signals *s, const ucontext_t *uc)
{
    if (s->odd_pc != greg(uc, REG_RIP)) {
        s->odd_pc = greg(uc, REG_RIP);
        s->odd_count = 0;
    }
    return ++s->odd_count > FAULTS_IN_A_ROW;
}

SIGNAL_HANDLER_CODE static void fault(int sig, siginfo_t *info, ucontext_t *uc)
{
    struct user_thread *t = current_thread;
    uint64_t pc = 0;

    enum x86_where where = t ? x86_context_where(t->cpu, uc, &pc) : X86_IN_HOST;
    if (sig == SIGTRAP && where != X86_IN_HOST && x86_context_step_inside(t->cpu, uc)) {
        return;
    }
    if (where == X86_IN_GUEST) {
        if (!stored_to_code(t, sig, info, uc, pc)) {
            guest_fault(t, sig, info, uc, pc);
        }
        return;
    }
    if ((sig == SIGSEGV || sig == SIGBUS) && copy_fixup(uc, false)) {
        if (!is_protection_write(sig, info, uc) ||
            !smc_handle_write_fault((uint64_t)(uintptr_t)info->si_addr)) {
            copy_fixup(uc, true);
        }
        return;
    }
    if (t && !is_stuck(&t->signals, uc)) {
        sent_to_guest(t, sig, info, uc);
        return;
    }
    crash(sig, info, uc);
}

SIGNAL_HANDLER_CODE void host_signal_fault(int sig, siginfo_t *info, void *context)
{
    struct user_thread *t = current_thread;
    int saved_errno = errno;
    if (info->si_code > 0) {
        fault(sig, info, context);
    } else if (t && was_kicked_by_trap(t, sig)) {
        kicked(t, context);
    } else if (t) {
        sent_to_guest(t, sig, info, context);
    }
    errno = saved_errno;
}
