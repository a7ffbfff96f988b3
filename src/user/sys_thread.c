/* What a thread tells the kernel about itself: where to report its end, its
 * robust futexes, its segment bases. And futexes. */
#include <asm/prctl.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/copy.h"
#include "user/host_syscall_asm.h"
#include "user/sys_thread.h"

#define ROBUST_HEAD_SIZE 24
#define USER_END         0x7ffffffff000ULL

int64_t sys_set_tid_address(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    t->clear_child_tid = a[0];
    return t->tid;
}

/* The kernel gets the list too: it looks at it if the whole process dies. */
int64_t sys_set_robust_list(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    int64_t r = host_syscall(SYS_set_robust_list, a[0], a[1], 0, 0, 0, 0);
    if (r == 0) {
        t->robust_list = a[0];
    }
    return r;
}

int64_t sys_get_robust_list(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    const uint64_t size = ROBUST_HEAD_SIZE;
    if ((pid_t)a[0] != 0 && (pid_t)a[0] != t->tid) {
        return host_syscall(SYS_get_robust_list, a[0], a[1], a[2], 0, 0, 0);
    }
    if (guest_write(a[2], &size, sizeof(size)) < 0) {
        return -EFAULT;
    }
    return guest_write(a[1], &t->robust_list, sizeof(t->robust_list));
}

/* libc has registered the host thread's area with the kernel, which takes
 * one only. Programs have to live without on old kernels, and do. */
int64_t sys_rseq(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    (void)a;
    return -ENOSYS;
}

int64_t sys_futex(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)t;
    return safe_syscall(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int64_t sys_arch_prctl(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct x86_cpu *cpu = t->cpu;
    switch (a[0]) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
        if (a[1] >= USER_END) {
            return -EPERM;
        }
        *(a[0] == ARCH_SET_FS ? &cpu->fs_base : &cpu->gs_base) = a[1];
        return 0;
    case ARCH_GET_FS:
        return guest_write(a[1], &cpu->fs_base, sizeof(cpu->fs_base));
    case ARCH_GET_GS:
        return guest_write(a[1], &cpu->gs_base, sizeof(cpu->gs_base));
    default:
        return -EINVAL; /* no CET, no CPUID faulting, no AMX to ask for */
    }
}
