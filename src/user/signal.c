/* The signal state of the process and its threads, and how it is kept in step
 * with the host's: dispositions, masks, the queue of what has arrived.
 *
 * The mask. While `throttled` is false, the host blocks what the guest
 * blocks, without SIGNAL_ALWAYS_SET. A handler that queues a signal blocks
 * everything else and sets `throttled`, so that of several pending signals
 * the kernel chooses the next only under the mask that the frame of the
 * first has set up. signals_apply_mask ends that. */
#include "user/signal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/tb.h"
#include "locks/fork.h"
#include "user/host_syscall_asm.h"
#include "user/signal_internal.h"

#define HOST_SA_RESTORER 0x04000000u
#define HOST_STACK_SIZE  (128UL << 10)

LOCK_CLASS_DEFINE(signal_actions_class, RANK_LEAF);
static struct signal_actions process_actions = {.lock = MUTEX_INIT(&signal_actions_class)};

int host_sigaction(int sig, const struct host_sigaction *act, struct host_sigaction *old)
{
    return (int)host_syscall(SYS_rt_sigaction, (uint64_t)sig, (uint64_t)(uintptr_t)act,
                             (uint64_t)(uintptr_t)old, sizeof(uint64_t), 0, 0);
}

void host_sigmask(int how, const uint64_t *set, uint64_t *old)
{
    host_syscall(SYS_rt_sigprocmask, (uint64_t)how, (uint64_t)(uintptr_t)set,
                 (uint64_t)(uintptr_t)old, sizeof(uint64_t), 0, 0);
}

static void install(int sig, void (*handler)(int, siginfo_t *, void *), uint64_t more_flags)
{
    const struct host_sigaction act = {
        .handler = (uintptr_t)handler,
        .flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | HOST_SA_RESTORER | more_flags,
        .restorer = (uintptr_t)host_signal_restorer,
        .mask = ~0ULL,
    };
    host_sigaction(sig, &act, NULL);
}

void signals_set_host_action(int sig, const struct guest_sigaction *act)
{
    uint64_t child_flags = act->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    if (signal_bit(sig) & SIGNAL_ALWAYS_SET) {
        return;
    }
    if (act->handler != (uintptr_t)SIG_DFL && act->handler != (uintptr_t)SIG_IGN) {
        install(sig, host_signal_guest_entry, child_flags);
        return;
    }
    const struct host_sigaction plain = {
        .handler = act->handler,
        .flags = child_flags | HOST_SA_RESTORER,
        .restorer = (uintptr_t)host_signal_restorer,
    };
    host_sigaction(sig, &plain, NULL);
}

void signals_install_always(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        install(faults[i], host_signal_fault_entry, 0);
    }
    install(SIGNAL_KICK, host_signal_kick_entry, 0);
}

void signals_init_actions(struct signal_actions *actions)
{
    mutex_init(&actions->lock, &signal_actions_class);
}

/* What we were started with: ignored signals stay so. */
static void inherit_actions(struct signal_actions *actions)
{
    mutex_lock(&actions->lock);
    for (int sig = 1; sig <= SIGNAL_MAX; sig++) {
        struct host_sigaction old = {0};
        host_sigaction(sig, NULL, &old);
        if (old.handler == (uintptr_t)SIG_IGN) {
            actions->action[sig].handler = old.handler;
        }
    }
    mutex_unlock(&actions->lock);
}

void signals_init(struct user_thread *t)
{
    const struct thread_signals none = {.actions = &process_actions};
    locks_fork_add_mutex(&process_actions.lock);
    inherit_actions(&process_actions);
    t->signals = none;
    host_sigmask(SIG_BLOCK, NULL, &t->signals.mask);
    t->signals.mask &= ~SIGNAL_UNBLOCKABLE;
    signals_install_always();
}

int signals_init_thread(struct user_thread *t, const struct thread_signals *from)
{
    struct thread_signals *s = &t->signals;
    size_t size = GUEST_PAGE_SIZE + HOST_STACK_SIZE;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        return -ENOMEM;
    }
    if (from) {
        *s = (struct thread_signals){
            .mask = from->mask, .alt_flags = SS_DISABLE, .actions = from->actions};
    }
    s->host_stack = stack;
    const stack_t ss = {.ss_sp = stack + GUEST_PAGE_SIZE, .ss_size = HOST_STACK_SIZE};
    int r = mprotect(stack, GUEST_PAGE_SIZE, PROT_NONE);
    if (r == 0) {
        r = (int)host_syscall(SYS_sigaltstack, (uint64_t)(uintptr_t)&ss, 0, 0, 0, 0, 0);
    }
    if (r != 0) {
        munmap(stack, size);
        s->host_stack = NULL;
        return -ENOMEM;
    }
    return 0;
}

void signals_end_thread(struct user_thread *t)
{
    const stack_t off = {.ss_flags = SS_DISABLE};
    const uint64_t all = ~0ULL;
    host_sigmask(SIG_SETMASK, &all, NULL);
    host_syscall(SYS_sigaltstack, (uint64_t)(uintptr_t)&off, 0, 0, 0, 0, 0);
    munmap(t->signals.host_stack, GUEST_PAGE_SIZE + HOST_STACK_SIZE);
    t->signals.host_stack = NULL;
}

struct queued_signal *signals_next(struct thread_signals *s, uint64_t mask)
{
    struct queued_signal *best = NULL;
    int best_sig = SIGNAL_MAX + 1;
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        struct queued_signal *q = &s->queue[i];
        int sig = atomic_load_explicit(&q->sig, memory_order_relaxed);
        if (!sig || (signal_bit(sig) & mask)) {
            continue;
        }
        if (!best || sig < best_sig || (sig == best_sig && (int)(q->seq - best->seq) < 0)) {
            best = q;
            best_sig = sig;
        }
    }
    return best;
}

/* Has the loop look at the queue, if it holds something the mask allows. */
static void look_again(struct user_thread *t)
{
    if (signals_next(&t->signals, t->signals.mask)) {
        atomic_store_explicit(&t->signals.pending, true, memory_order_relaxed);
        atomic_fetch_or_explicit(&t->cpu->cpu.exit_request, CPU_EXIT_SIGNAL, memory_order_relaxed);
    }
}

static void set_host_mask(uint64_t guest_mask)
{
    const uint64_t host = guest_mask & ~SIGNAL_ALWAYS_SET;
    host_sigmask(SIG_SETMASK, &host, NULL);
}

void signals_block_host(struct user_thread *t)
{
    (void)t;
    set_host_mask(~0ULL);
}

void signals_apply_mask(struct user_thread *t)
{
    atomic_store_explicit(&t->signals.throttled, false, memory_order_relaxed);
    set_host_mask(t->signals.mask);
    look_again(t);
}

int signals_set_mask(struct user_thread *t, uint64_t mask)
{
    struct thread_signals *s = &t->signals;
    mask &= ~SIGNAL_UNBLOCKABLE;
    set_host_mask(mask);
    if (signals_next(s, s->mask)) {
        look_again(t);
        return -USER_ERESTARTNOINTR;
    }
    s->mask = mask;
    look_again(t);
    return 0;
}

void signals_die(struct user_thread *t, int sig)
{
    const struct host_sigaction dfl = {.handler = (uintptr_t)SIG_DFL};
    const uint64_t only = ~signal_bit(sig);
    if (!t->signals.vfork_child) {
        user_before_exit();
    }
    host_sigaction(sig, &dfl, NULL);
    host_syscall(SYS_tgkill, (uint64_t)getpid(), (uint64_t)gettid(), (uint64_t)sig, 0, 0, 0);
    host_sigmask(SIG_SETMASK, &only, NULL);
    for (;;) {
        host_syscall(SYS_exit_group, 128 + (uint64_t)sig, 0, 0, 0, 0, 0);
    }
}
