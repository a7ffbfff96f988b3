/* Waiting for signals, and waiting for something else with a signal mask of
 * its own.
 *
 * The mask goes to the kernel with the call, so that it changes and the
 * thread sleeps in one step. A handler that ran under it has queued its
 * signal; if the call then says EINTR, the mask stays in force for the
 * guest's handler, and the old one comes back after it, as in the kernel. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "user/copy.h"
#include "user/host_syscall_asm.h"
#include "user/signal_internal.h"
#include "user/sys_signal.h"

#define SET_SIZE 8 /* of the kernel's signal set */

static uint64_t host_mask(uint64_t guest_mask)
{
    return guest_mask & ~SIGNAL_ALWAYS_SET;
}

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* The guest's mask argument: 0 and *given, or an error. */
static int read_mask(uint64_t addr, uint64_t size, uint64_t *mask, bool *given)
{
    *given = addr != 0;
    if (!addr) {
        return 0;
    }
    if (size != SET_SIZE) {
        return -EINVAL;
    }
    if (guest_read(mask, addr, sizeof(*mask)) < 0) {
        return -EFAULT;
    }
    *mask &= ~SIGNAL_UNBLOCKABLE;
    return 0;
}

/* From now on, and until a handler has returned, the mask is `temporary`. */
static void keep_mask(struct thread_signals *s, uint64_t temporary)
{
    s->saved_mask = s->mask;
    s->restore_mask = true;
    s->mask = temporary;
    atomic_store_explicit(&s->pending, true, memory_order_relaxed);
}

/* Makes a call that may wait, with `mask` in force; `args` refers to a copy
 * of it in the form for the host. */
static int64_t wait_masked(struct user_thread *t, uint64_t nr, uint64_t mask,
                           const uint64_t args[6])
{
    struct thread_signals *s = &t->signals;
    if (signals_next(s, s->mask)) {
        return -USER_ERESTARTNOINTR;
    }
    if (signals_next(s, mask)) { /* waits in our queue, not in the kernel's */
        keep_mask(s, mask);
        return -EINTR;
    }
    int64_t r = safe_syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (r == -EINTR) {
        keep_mask(s, mask);
    }
    return r;
}

static int64_t wait_plain(uint64_t nr, const uint64_t a[USER_SYSCALL_ARGS])
{
    return safe_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int64_t sys_pause(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return wait_plain(SYS_pause, a);
}

int64_t sys_rt_sigsuspend(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    uint64_t mask;
    bool given;
    if (a[1] != SET_SIZE) {
        return -EINVAL;
    }
    int r = read_mask(a[0], a[1], &mask, &given);
    if (r < 0 || !given) {
        return r < 0 ? r : -EFAULT;
    }
    const uint64_t host = host_mask(mask);
    const uint64_t args[6] = {address(&host), SET_SIZE};
    return wait_masked(t, SYS_rt_sigsuspend, mask, args);
}

int64_t sys_ppoll(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    uint64_t mask;
    bool given;
    int r = read_mask(a[3], a[4], &mask, &given);
    if (r < 0 || !given) {
        return r < 0 ? r : wait_plain(SYS_ppoll, a);
    }
    const uint64_t host = host_mask(mask);
    const uint64_t args[6] = {a[0], a[1], a[2], address(&host), SET_SIZE};
    return wait_masked(t, SYS_ppoll, mask, args);
}

int64_t sys_pselect6(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    uint64_t packed[2] = {0, 0}; /* address and size of the mask */
    uint64_t mask;
    bool given;
    if (a[5] && guest_read(packed, a[5], sizeof(packed)) < 0) {
        return -EFAULT;
    }
    int r = read_mask(packed[0], packed[1], &mask, &given);
    if (r < 0 || !given) {
        return r < 0 ? r : wait_plain(SYS_pselect6, a);
    }
    const uint64_t host = host_mask(mask);
    const uint64_t host_packed[2] = {address(&host), SET_SIZE};
    const uint64_t args[6] = {a[0], a[1], a[2], a[3], a[4], address(host_packed)};
    return wait_masked(t, SYS_pselect6, mask, args);
}

static int64_t epoll_masked(struct user_thread *t, uint64_t nr, const uint64_t a[USER_SYSCALL_ARGS])
{
    uint64_t mask;
    bool given;
    int r = read_mask(a[4], a[5], &mask, &given);
    if (r < 0 || !given) {
        return r < 0 ? r : wait_plain(nr, a);
    }
    const uint64_t host = host_mask(mask);
    const uint64_t args[6] = {a[0], a[1], a[2], a[3], address(&host), SET_SIZE};
    return wait_masked(t, nr, mask, args);
}

int64_t sys_epoll_pwait(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    return epoll_masked(t, SYS_epoll_pwait, a);
}

int64_t sys_epoll_pwait2(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    return epoll_masked(t, SYS_epoll_pwait2, a);
}

static int64_t take_waiting(struct queued_signal *q, uint64_t info_addr)
{
    siginfo_t info = q->info;
    int sig = atomic_load_explicit(&q->sig, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&q->sig, 0, memory_order_relaxed);
    if (info_addr && guest_write(info_addr, &info, sizeof(info)) < 0) {
        return -EFAULT;
    }
    return sig;
}

/* The engine's kick may be swallowed by a wait for signal 64. It has done its
 * work: we are not in guest code. */
static bool is_kick(int64_t sig, const siginfo_t *info)
{
    return sig == SIGNAL_KICK && info->si_code == SI_TKILL;
}

int64_t sys_rt_sigtimedwait(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct thread_signals *s = &t->signals;
    uint64_t set;
    if (a[3] != SET_SIZE) {
        return -EINVAL;
    }
    if (guest_read(&set, a[0], sizeof(set)) < 0) {
        return -EFAULT;
    }
    if (signals_next(s, s->mask)) {
        return -USER_ERESTARTNOINTR;
    }
    for (;;) {
        siginfo_t info;
        struct queued_signal *q = signals_next(s, ~set);
        if (q) {
            return take_waiting(q, a[1]);
        }
        int64_t r =
            safe_syscall(SYS_rt_sigtimedwait, address(&set), address(&info), a[2], SET_SIZE, 0, 0);
        if (r == -EINTR && signals_next(s, ~set)) {
            continue;
        }
        if (r <= 0) {
            return r;
        }
        if (!is_kick(r, &info)) {
            signal_unmark(&info);
            return a[1] && guest_write(a[1], &info, sizeof(info)) < 0 ? -EFAULT : r;
        }
    }
}

int64_t sys_signalfd(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return host_syscall(SYS_signalfd, a[0], a[1], a[2], 0, 0, 0);
}

int64_t sys_signalfd4(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return host_syscall(SYS_signalfd4, a[0], a[1], a[2], a[3], 0, 0);
}
