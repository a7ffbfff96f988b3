/* Delivery, on the CPU loop: what the kernel does between a system call or an
 * interrupt and the return to user mode. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "user/host_syscall_asm.h"
#include "user/signal_internal.h"

static bool ignored_by_default(int sig)
{
    return sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT;
}

static bool stops_by_default(int sig)
{
    return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static bool is_handler(const struct guest_sigaction *act)
{
    return act->handler != (uintptr_t)SIG_DFL && act->handler != (uintptr_t)SIG_IGN;
}

/* The disposition; SA_RESETHAND has done its work afterwards. */
static struct guest_sigaction take_action(struct signal_actions *actions, int sig)
{
    mutex_lock(&actions->lock);
    struct guest_sigaction *entry = &actions->action[sig];
    struct guest_sigaction act = *entry;
    if (is_handler(entry) && (entry->flags & SA_RESETHAND)) {
        entry->handler = (uintptr_t)SIG_DFL;
        signals_set_host_action(sig, entry);
    }
    mutex_unlock(&actions->lock);
    return act;
}

static void restart_syscall(struct user_thread *t)
{
    t->cpu->rip -= 2; /* the length of SYSCALL */
    t->cpu->gpr[X86_RAX] = t->signals.restart_nr;
}

/* A handler will run: is the interrupted system call made again after it? */
static void restart_for_handler(struct user_thread *t, const struct guest_sigaction *act)
{
    struct thread_signals *s = &t->signals;
    switch (s->restart) {
    case 0:
        break;
    case USER_ERESTARTNOINTR:
        restart_syscall(t);
        break;
    case USER_ERESTARTSYS:
        if (act->flags & SA_RESTART) {
            restart_syscall(t);
            break;
        }
        t->cpu->gpr[X86_RAX] = (uint64_t)-EINTR;
        break;
    default:
        t->cpu->gpr[X86_RAX] = (uint64_t)-EINTR;
        break;
    }
    s->restart = 0;
}

/* The mask while the handler runs. */
static void block_for_handler(struct thread_signals *s, int sig, const struct guest_sigaction *act)
{
    s->mask |= act->mask;
    if (!(act->flags & SA_NODEFER)) {
        s->mask |= signal_bit(sig);
    }
    s->mask &= ~SIGNAL_UNBLOCKABLE;
}

/* The handler's frame does not fit: SIGSEGV, and if that was its own, death. */
/* NOLINTNEXTLINE(misc-no-recursion): once, for SIGSEGV, which dies here if it comes again */
static void frame_failed(struct user_thread *t, int sig)
{
    siginfo_t info;
    if (log_on(LOG_INT)) {
        log_printf("thread %d: no stack for the frame of signal %d\n", (int)t->tid, sig);
    }
    if (sig == SIGSEGV) {
        signals_die(t, SIGSEGV);
        return;
    }
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSEGV;
    info.si_code = SI_KERNEL;
    signals_force(t, &info);
}

/* NOLINTNEXTLINE(misc-no-recursion): see frame_failed */
static void deliver(struct user_thread *t, const siginfo_t *info)
{
    struct thread_signals *s = &t->signals;
    int sig = info->si_signo;
    struct guest_sigaction act = take_action(s->actions, sig);

    if (act.handler == (uintptr_t)SIG_IGN) {
        return;
    }
    if (act.handler == (uintptr_t)SIG_DFL) {
        if (stops_by_default(sig)) {
            /* Had a handler when it came. The host's action is the default by
             * now, and acts when the mask has been applied. */
            host_syscall(SYS_tgkill, (uint64_t)getpid(), (uint64_t)gettid(), (uint64_t)sig, 0, 0,
                         0);
        } else if (!ignored_by_default(sig)) {
            signals_die(t, sig);
        }
        return;
    }
    if (log_on(LOG_INT)) {
        log_printf("thread %d: signal %d (code %d) at 0x%llx, handler 0x%llx\n", (int)t->tid, sig,
                   info->si_code, (unsigned long long)t->cpu->rip, (unsigned long long)act.handler);
    }
    restart_for_handler(t, &act);
    uint64_t old_mask = s->restore_mask ? s->saved_mask : s->mask;
    if (signal_frame_push(t, info, &act, old_mask) < 0) {
        frame_failed(t, sig);
        return;
    }
    s->restore_mask = false;
    block_for_handler(s, sig, &act);
}

/* NOLINTNEXTLINE(misc-no-recursion): see frame_failed */
void signals_force(struct user_thread *t, const siginfo_t *info)
{
    struct thread_signals *s = &t->signals;
    int sig = info->si_signo;
    uint64_t bit = signal_bit(sig);

    mutex_lock(&s->actions->lock);
    struct guest_sigaction *act = &s->actions->action[sig];
    if ((s->mask & bit) || act->handler == (uintptr_t)SIG_IGN) {
        act->handler = (uintptr_t)SIG_DFL;
        s->mask &= ~bit;
    }
    mutex_unlock(&s->actions->lock);
    deliver(t, info);
    signals_apply_mask(t);
}

/* Takes the next signal off the queue. `pending` is cleared before the look:
 * a signal that comes after it sets it again. */
static bool take_next(struct user_thread *t, siginfo_t *info)
{
    struct thread_signals *s = &t->signals;
    atomic_store_explicit(&s->pending, false, memory_order_relaxed);
    atomic_fetch_and_explicit(&t->cpu->cpu.exit_request, ~(unsigned)CPU_EXIT_SIGNAL,
                              memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    struct queued_signal *q = signals_next(s, s->mask);
    if (!q) {
        return false;
    }
    *info = q->info;
    info->si_signo = atomic_load_explicit(&q->sig, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&q->sig, 0, memory_order_relaxed);
    return true;
}

void signals_deliver(struct user_thread *t)
{
    struct thread_signals *s = &t->signals;
    siginfo_t info;

    while (take_next(t, &info)) {
        deliver(t, &info);
        signals_apply_mask(t);
    }
    if (s->restart) {
        restart_syscall(t);
        s->restart = 0;
    }
    if (s->restore_mask) {
        s->restore_mask = false;
        s->mask = s->saved_mask;
        signals_apply_mask(t);
    } else if (atomic_load_explicit(&s->throttled, memory_order_relaxed)) {
        signals_apply_mask(t);
    }
}
