/* Threads and their roles. A role is a capability that a thread holds for
 * life: what must run on a thread of that kind says REQUIRES(vcpu_role), and
 * the compiler rejects a call from elsewhere. */
#ifndef MORTISE_LOCKS_THREAD_H
#define MORTISE_LOCKS_THREAD_H

#include <pthread.h>

#include "base/error.h"
#include "base/annotations.h"
#include "locks/lock_class.h"

struct CAPABILITY("role") thread_role {
    const char *name;
    unsigned bit;
};

extern struct thread_role vcpu_role;      /* runs one vCPU, or all in turn */
extern struct thread_role main_loop_role; /* runs the main event loop */
extern struct thread_role iothread_role;  /* runs another event loop */
extern struct thread_role worker_role;    /* of the thread pool */
extern struct thread_role rcu_role;       /* the RCU reclaimer */

/* The calling thread takes the role up, first thing in its function, and lays
 * it down, last thing. It may have several. */
void thread_role_enter(struct thread_role *role) ACQUIRE(role);
void thread_role_leave(struct thread_role *role) RELEASE(role);

/* Stops the process unless the calling thread has the role. For code that is
 * reached through a function pointer, where the analysis loses it. */
void thread_role_assert(struct thread_role *role) ASSERT_CAPABILITY(role);

struct thread {
    pthread_t handle;
};

/* Starts a thread with all signals blocked; fn may unblock what it wants to
 * handle. The name is cut to 15 bytes. *t may go as soon as this returns, if
 * the thread is not to be joined. Returns 0 or a negative errno and a
 * sentence. */
NODISCARD int thread_create(struct thread *t, const char *name, void *(*fn)(void *arg), void *arg,
                            struct error *err);

#define thread_join(t) thread_join_at((t), LOCK_SITE)

/* Waits for its end; returns what fn returned. */
void *thread_join_at(struct thread *t, const char *site) MAY_BLOCK;

/* Nobody will join it. */
void thread_detach(struct thread *t);

/* Names the calling thread, for lockdep's reports, debuggers and ps. */
void thread_set_name(const char *name);

/* The calling thread's name; "main" or "thread" when it was given none. */
const char *thread_name(void);

#endif
