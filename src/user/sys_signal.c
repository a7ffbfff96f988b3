/* Dispositions, masks, the alternate stack and the return from handlers. */
#include "user/sys_signal.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "user/copy.h"
#include "user/host_syscall_asm.h"
#include "user/signal_frame.h"
#include "user/signal_internal.h"

#define SET_SIZE 8 /* of the kernel's signal set */

int64_t sys_rt_sigaction(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct guest_sigaction act, old;
    struct signal_actions *actions = t->signals.actions;
    int sig = (int)a[0];

    if (a[3] != SET_SIZE) {
        return -EINVAL;
    }
    if (a[1] && guest_read(&act, a[1], sizeof(act)) < 0) {
        return -EFAULT;
    }
    if (sig < 1 || sig > SIGNAL_MAX || (a[1] && (signal_bit(sig) & SIGNAL_UNBLOCKABLE))) {
        return -EINVAL;
    }
    mutex_lock(&actions->lock);
    old = actions->action[sig];
    if (a[1]) {
        act.mask &= ~SIGNAL_UNBLOCKABLE;
        actions->action[sig] = act;
        signals_set_host_action(sig, &act);
    }
    mutex_unlock(&actions->lock);
    return a[2] ? guest_write(a[2], &old, sizeof(old)) : 0;
}

int64_t sys_rt_sigprocmask(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    uint64_t old = t->signals.mask;
    uint64_t set;

    if (a[3] != SET_SIZE) {
        return -EINVAL;
    }
    if (a[1]) {
        if (guest_read(&set, a[1], sizeof(set)) < 0) {
            return -EFAULT;
        }
        switch ((int)a[0]) {
        case SIG_BLOCK:
            set |= old;
            break;
        case SIG_UNBLOCK:
            set = old & ~set;
            break;
        case SIG_SETMASK:
            break;
        default:
            return -EINVAL;
        }
        int r = signals_set_mask(t, set);
        if (r < 0) {
            return r;
        }
    }
    return a[2] ? guest_write(a[2], &old, sizeof(old)) : 0;
}

int64_t sys_rt_sigreturn(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)a;
    if (signal_frame_pop(t) < 0) {
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        info.si_signo = SIGSEGV;
        info.si_code = SI_KERNEL;
        signals_force(t, &info);
    }
    return -USER_SIGRETURN;
}

int64_t sys_rt_sigpending(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct thread_signals *s = &t->signals;
    uint64_t pending = 0;

    if (a[1] > SET_SIZE) {
        return -EINVAL;
    }
    int64_t r =
        host_syscall(SYS_rt_sigpending, (uint64_t)(uintptr_t)&pending, SET_SIZE, 0, 0, 0, 0);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        int sig = atomic_load_explicit(&s->queue[i].sig, memory_order_relaxed);
        if (sig) {
            pending |= signal_bit(sig);
        }
    }
    pending &= s->mask;
    return guest_write(a[0], &pending, a[1]);
}

int64_t sys_sigaltstack(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct guest_stack new, old;
    uint64_t sp = t->cpu->gpr[X86_RSP];

    if (a[0] && guest_read(&new, a[0], sizeof(new)) < 0) {
        return -EFAULT;
    }
    signal_stack_get(&t->signals, &old, sp);
    if (a[0]) {
        int r = signal_stack_set(&t->signals, &new, sp);
        if (r < 0) {
            return r;
        }
    }
    return a[1] ? guest_write(a[1], &old, sizeof(old)) : 0;
}
