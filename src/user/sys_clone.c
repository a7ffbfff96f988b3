/* clone, clone3, fork, vfork: which of the three ways to a new thread of
 * control a request asks for.
 *
 *   CLONE_THREAD           a thread (threads.c)
 *   CLONE_VM | CLONE_VFORK a child in our memory while we wait (vfork.c)
 *   neither                a copy of the process (fork.c)
 *
 * CLONE_VM alone, a process that shares memory and runs beside us, is
 * refused: the emulator's own state would be shared with it. */
#include <errno.h>
#include <linux/sched.h>
#include <string.h>

#include "base/log.h"
#include "user/copy.h"
#include "user/sys_thread.h"
#include "user/threads.h"

/* What all of a process's threads share here. */
#define THREAD_FLAGS ((uint64_t)(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD))

#define KNOWN_FLAGS                                                                                \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_PIDFD | CLONE_PTRACE |              \
     CLONE_VFORK | CLONE_PARENT | CLONE_THREAD | CLONE_NEWNS | CLONE_SYSVSEM | CLONE_SETTLS |      \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_UNTRACED |                \
     CLONE_CHILD_SETTID | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |          \
     CLONE_NEWPID | CLONE_NEWNET | CLONE_IO)

static int64_t refuse(uint64_t flags, const char *why)
{
    if (log_on(LOG_UNIMP)) {
        log_printf("clone with flags 0x%llx refused: %s\n", (unsigned long long)flags, why);
    }
    return -EINVAL;
}

/* The kernel's own rules. */
static bool is_valid(const struct clone_request *rq)
{
    uint64_t f = rq->flags;
    return !((f & CLONE_SIGHAND) && !(f & CLONE_VM)) &&
           !((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) &&
           !((f & CLONE_FS) && (f & (CLONE_NEWNS | CLONE_NEWUSER))) && rq->exit_signal >= 0 &&
           rq->exit_signal <= SIGNAL_MAX;
}

static int64_t create(struct user_thread *t, const struct clone_request *rq)
{
    uint64_t f = rq->flags;
    if (!is_valid(rq)) {
        return -EINVAL;
    }
    if (f & ~(uint64_t)KNOWN_FLAGS) {
        return refuse(f, "unknown flags");
    }
    if (t->signals.vfork_child && (f & CLONE_VM)) {
        return refuse(f, "a vfork child cannot have threads or vfork again");
    }
    if (f & CLONE_THREAD) {
        if ((f & THREAD_FLAGS) != THREAD_FLAGS) {
            return refuse(f, "threads must share files and file system information");
        }
        if (f & (CLONE_PIDFD | CLONE_VFORK | CLONE_PTRACE)) {
            return refuse(f, "not for threads");
        }
        return threads_create(t, rq);
    }
    if (f & CLONE_VM) {
        return f & CLONE_VFORK ? vfork_process(t, rq)
                               : refuse(f, "a process that shares memory needs CLONE_VFORK");
    }
    if (f & (CLONE_FS | CLONE_FILES)) {
        return refuse(f, "a process cannot share files or file system information");
    }
    return fork_process(t, rq);
}

int64_t sys_clone(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct clone_request rq = {
        .flags = (uint32_t)a[0] & ~(uint64_t)CSIGNAL,
        .exit_signal = (int)(a[0] & CSIGNAL),
        .stack = a[1],
        .parent_tid = a[2],
        .child_tid = a[3],
        .tls = a[4],
    };
    if (rq.flags & CLONE_PIDFD) {
        if (rq.flags & (CLONE_PARENT_SETTID | CLONE_DETACHED)) {
            return -EINVAL; /* they share an argument */
        }
        rq.pidfd = a[2];
    }
    return create(t, &rq);
}

/* Whether what a newer program says beyond what we know is nothing. */
static int check_rest(uint64_t addr, uint64_t size)
{
    uint8_t bytes[64];
    while (size > 0) {
        size_t chunk = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
        if (guest_read(bytes, addr, chunk) < 0) {
            return -EFAULT;
        }
        for (size_t i = 0; i < chunk; i++) {
            if (bytes[i]) {
                return -E2BIG;
            }
        }
        addr += chunk;
        size -= chunk;
    }
    return 0;
}

int64_t sys_clone3(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    struct clone_args args;
    uint64_t size = a[1];

    if (size < CLONE_ARGS_SIZE_VER0) {
        return -EINVAL;
    }
    if (size > 4096) {
        return -E2BIG;
    }
    memset(&args, 0, sizeof(args));
    if (guest_read(&args, a[0], size < sizeof(args) ? (size_t)size : sizeof(args)) < 0) {
        return -EFAULT;
    }
    if (size > sizeof(args)) {
        int r = check_rest(a[0] + sizeof(args), size - sizeof(args));
        if (r < 0) {
            return r;
        }
    }
    if ((args.flags & (CSIGNAL | CLONE_DETACHED) & ~(uint64_t)CLONE_NEWTIME) ||
        args.exit_signal > SIGNAL_MAX || (!args.stack != !args.stack_size) ||
        ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal)) {
        return -EINVAL;
    }
    if (args.set_tid_size || (args.flags & ~(uint64_t)KNOWN_FLAGS)) {
        return refuse(args.flags, "chosen ids, cgroups, time namespaces and the like");
    }
    const struct clone_request rq = {
        .flags = args.flags,
        .exit_signal = (int)args.exit_signal,
        .stack = args.stack ? args.stack + args.stack_size : 0,
        .parent_tid = args.parent_tid,
        .child_tid = args.child_tid,
        .pidfd = args.pidfd,
        .tls = args.tls,
    };
    return create(t, &rq);
}

int64_t sys_fork(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)a;
    const struct clone_request rq = {.exit_signal = SIGCHLD};
    return create(t, &rq);
}

int64_t sys_vfork(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS])
{
    (void)a;
    const struct clone_request rq = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    return create(t, &rq);
}
