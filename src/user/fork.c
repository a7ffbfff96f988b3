/* fork for the guest: the host's fork, with the emulator's own state held
 * still around it. Of the guest's threads only the caller is in the child;
 * what the others had (CPUs, stacks) stays behind there as unused copies.
 *
 * An exit signal other than SIGCHLD, and namespaces, need the bare system
 * call: libc's fork knows neither. Its preparation of malloc then is missing;
 * that is safe as long as no other thread is in malloc, which is why it is
 * not done for the usual fork. */
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "locks/fork.h"
#include "rcu/rcu.h"
#include "user/copy.h"
#include "user/copy_atomic.h"
#include "user/host_syscall_asm.h"
#include "user/threads.h"

/* Flags that mean the same to the kernel for our copy of the process. */
#define KERNEL_FLAGS                                                                               \
    ((uint64_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |      \
                CLONE_NEWPID | CLONE_NEWNET | CLONE_IO | CLONE_PARENT))
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static int64_t host_fork(const struct clone_request *rq)
{
    uint64_t flags = rq->flags & KERNEL_FLAGS;
    if (flags == 0 && rq->exit_signal == SIGCHLD) {
        pid_t pid = fork();
        return pid < 0 ? -errno : pid;
    }
    return host_syscall(SYS_clone, flags | (uint64_t)rq->exit_signal, 0, 0, 0, 0, 0);
}

static void store_word(uint64_t addr, uint32_t value)
{
    int ignored = guest_store32(addr, value);
    (void)ignored;
}

static void in_child(struct user_thread *t, const struct clone_request *rq)
{
    threads_after_fork_child(t);
    t->signals.vfork_child = false;               /* its memory is its own */
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) { /* pending signals are not inherited */
        atomic_store_explicit(&t->signals.queue[i].sig, 0, memory_order_relaxed);
    }
    clone_child_registers(t->cpu, rq);
    if (rq->flags & CLONE_CHILD_SETTID) {
        store_word(rq->child_tid, (uint32_t)t->tid);
    }
    if (rq->flags & CLONE_CHILD_CLEARTID) {
        t->clear_child_tid = rq->child_tid;
    }
}

static void in_parent(const struct clone_request *rq, pid_t child)
{
    if (rq->flags & CLONE_PARENT_SETTID) {
        store_word(rq->parent_tid, (uint32_t)child);
    }
    if (rq->flags & CLONE_PIDFD) {
        int64_t fd = host_syscall(SYS_pidfd_open, (uint64_t)child, 0, 0, 0, 0, 0);
        store_word(rq->pidfd, (uint32_t)fd);
    }
}

int64_t fork_process(struct user_thread *t, const struct clone_request *rq)
{
    signals_block_host(t);
    if (signals_next(&t->signals, t->signals.mask)) { /* came before the fork: not the child's */
        signals_apply_mask(t);
        return -USER_ERESTARTNOINTR;
    }
    rcu_before_fork();
    locks_before_fork();
    x86_engine_before_fork();
    int64_t pid = host_fork(rq);
    if (pid == 0) {
        threads_forget_ended();
        locks_after_fork_child();
        rcu_after_fork_child();
        x86_engine_after_fork_child(t->cpu);
        user_mm_after_fork_child();
        log_after_fork();
        in_child(t, rq);
    } else {
        x86_engine_after_fork_parent();
        locks_after_fork_parent();
        rcu_after_fork_parent();
        if (pid > 0) {
            in_parent(rq, (pid_t)pid);
        }
    }
    signals_apply_mask(t);
    return pid;
}
