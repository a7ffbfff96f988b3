/* The guest's threads: creation, number, end. */
#ifndef MORTISE_USER_THREADS_H
#define MORTISE_USER_THREADS_H

#include "user/user.h"

/* What clone was asked for. */
struct clone_request {
    uint64_t flags; /* CLONE_*, without the exit signal */
    int exit_signal;
    uint64_t stack;                 /* the child's RSP, 0: the caller's */
    uint64_t parent_tid, child_tid; /* addresses */
    uint64_t pidfd;
    uint64_t tls;
};

/* CLONE_THREAD: the new thread's id, or -errno. */
int64_t threads_create(struct user_thread *t, const struct clone_request *rq);

/* A copy of the process: 0 in the child, its id in the parent, or -errno.
 * (fork.c) */
int64_t fork_process(struct user_thread *t, const struct clone_request *rq);

/* A child that runs in the parent's memory while the parent waits. (vfork.c) */
int64_t vfork_process(struct user_thread *t, const struct clone_request *rq);

/* Registers and thread pointer of a child, by the request. */
void clone_child_registers(struct x86_cpu *cpu, const struct clone_request *rq);

/* In the child of a fork, first: what threads did that have ended is over. */
void threads_forget_ended(void);

/* In the child of a fork: `t` is the only one, and the first. */
void threads_after_fork_child(struct user_thread *t);

/* What the kernel does with robust futexes when a thread ends. False if there
 * are priority-inheriting ones that others wait for: these are the kernel's.
 * (robust_list.c) */
bool robust_list_walk(const struct user_thread *t);

#endif
