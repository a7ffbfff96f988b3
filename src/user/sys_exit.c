/* The ends of threads and processes, and waiting for those of children. */
#include <sys/syscall.h>

#include "user/host_syscall_asm.h"
#include "user/sys_thread.h"

int64_t sys_exit(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    signals_block_host(t); /* what comes from now on is for the other threads */
    if (signals_next(&t->signals, t->signals.mask)) {
        signals_apply_mask(t);
        return -USER_ERESTARTNOINTR;
    }
    t->signals.exit_status = (int)a[0];
    t->signals.ended = true; /* the CPU loop sees it */
    return 0;
}

int64_t sys_exit_group(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    if (t->signals.vfork_child) { /* the process whose memory this is goes on */
        return host_syscall(SYS_exit_group, a[0], 0, 0, 0, 0, 0);
    }
    user_exit_group((int)a[0]);
}

int64_t sys_wait4(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return safe_syscall(SYS_wait4, a[0], a[1], a[2], a[3], 0, 0);
}

int64_t sys_waitid(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return safe_syscall(SYS_waitid, a[0], a[1], a[2], a[3], a[4], 0);
}
