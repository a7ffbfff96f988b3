/* Sending signals: the kernel's business, but for signal 64 sent by tkill,
 * which the receiver must tell from the engine's kick. */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/host_syscall_asm.h"
#include "user/signal_internal.h"
#include "user/sys_signal.h"

static int64_t send_marked(uint64_t process, uint64_t tid)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGNAL_KICK;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_ptr = (void *)SIGNAL_TKILL_MARK;
    return host_syscall(SYS_rt_tgsigqueueinfo, process, tid, SIGNAL_KICK,
                        (uint64_t)(uintptr_t)&info, 0, 0);
}

int64_t sys_kill(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return host_syscall(SYS_kill, a[0], a[1], 0, 0, 0, 0);
}

int64_t sys_tkill(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    if ((int)a[1] == SIGNAL_KICK && (pid_t)a[0] > 0) {
        int64_t r = send_marked((uint64_t)getpid(), a[0]);
        if (r != -ESRCH) {
            return r;
        }
    }
    return host_syscall(SYS_tkill, a[0], a[1], 0, 0, 0, 0);
}

int64_t sys_tgkill(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    if ((int)a[2] == SIGNAL_KICK && (pid_t)a[0] > 0 && (pid_t)a[1] > 0) {
        return send_marked(a[0], a[1]);
    }
    return host_syscall(SYS_tgkill, a[0], a[1], a[2], 0, 0, 0);
}

int64_t sys_rt_sigqueueinfo(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return host_syscall(SYS_rt_sigqueueinfo, a[0], a[1], a[2], 0, 0, 0);
}

int64_t sys_rt_tgsigqueueinfo(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return host_syscall(SYS_rt_tgsigqueueinfo, a[0], a[1], a[2], a[3], 0, 0);
}
