/* Around execve: what the kernel hands on to the next program is the host's
 * state, which so has to be the guest's. Handlers fall back to the default by
 * themselves. */
#include <sys/syscall.h>
#include <unistd.h>

#include "user/host_syscall_asm.h"
#include "user/signal_internal.h"

static void set_ignored(struct signal_actions *actions, int sig)
{
    const struct host_sigaction ignore = {.handler = (uintptr_t)SIG_IGN};
    mutex_lock(&actions->lock);
    bool ignored = actions->action[sig].handler == (uintptr_t)SIG_IGN;
    mutex_unlock(&actions->lock);
    if (ignored) {
        host_sigaction(sig, &ignore, NULL);
    }
}

/* Signals that only we know of become pending in the kernel. */
static void send_back(struct thread_signals *s)
{
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        struct queued_signal *q = &s->queue[i];
        int sig = atomic_load_explicit(&q->sig, memory_order_relaxed);
        if (sig) {
            host_syscall(SYS_rt_tgsigqueueinfo, (uint64_t)getpid(), (uint64_t)gettid(),
                         (uint64_t)sig, (uint64_t)(uintptr_t)&q->info, 0, 0);
            atomic_store_explicit(&q->sig, 0, memory_order_relaxed);
        }
    }
}

void user_signals_before_exec(struct user_thread *t)
{
    const uint64_t all = ~0ULL;
    host_sigmask(SIG_SETMASK, &all, NULL);
    send_back(&t->signals);
    for (int sig = 1; sig <= SIGNAL_MAX; sig++) {
        if (signal_bit(sig) & SIGNAL_ALWAYS_SET) {
            set_ignored(t->signals.actions, sig);
        }
    }
    host_sigmask(SIG_SETMASK, &t->signals.mask, NULL);
}

void user_signals_exec_failed(struct user_thread *t)
{
    signals_install_always();
    signals_apply_mask(t);
}
