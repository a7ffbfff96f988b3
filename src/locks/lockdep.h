/* lockdep: checks every acquisition as it happens, in builds with
 * MORTISE_LOCKDEP, against what has happened before. Reported are, each once
 * it could go wrong and not only when it does:
 *   - an order of two classes, direct or through others, that is the reverse
 *     of one seen before, or of the declared ranks;
 *   - a lock taken again by its holder; two locks of one class at once;
 *   - a release by a thread that does not hold the lock;
 *   - the exit of a thread that holds a lock;
 *   - sleeping in an RCU read section or under a spinlock;
 *   - waiting for a grace period with a lock that a read section may want.
 * A report goes to stderr in one write and ends the process.
 *
 * Any thread; signal handlers may take locks where they interrupted no lock
 * operation. Never allocates; survives fork(2). */
#ifndef MORTISE_LOCKS_LOCKDEP_H
#define MORTISE_LOCKS_LOCKDEP_H

#include <stdbool.h>

#include "locks/lock_class.h"

#ifdef MORTISE_LOCKDEP

/* Enters and leaves an RCU read section, which may nest. Signal-safe. */
void lockdep_rcu_enter(void);
void lockdep_rcu_exit(void);

/* The caller is about to wait for a grace period. */
void lockdep_rcu_wait(const char *doing, const char *site);

/* The caller is about to sleep until another thread does something. */
void lockdep_may_block(const char *doing, const char *site);

/* Whether the calling thread holds it, in any way. */
bool lockdep_holds(const struct lock_base *base);

/* How many locks the calling thread holds; 0 without lockdep. */
unsigned lockdep_held_count(void);

#else

static inline void lockdep_rcu_enter(void)
{
}

static inline void lockdep_rcu_exit(void)
{
}

static inline void lockdep_rcu_wait(const char *doing, const char *site)
{
    (void)doing, (void)site;
}

static inline void lockdep_may_block(const char *doing, const char *site)
{
    (void)doing, (void)site;
}

static inline unsigned lockdep_held_count(void)
{
    return 0;
}

#endif

/* Calls hook with the text of each report instead of ending the process; NULL:
 * none. For tests: what was reported then goes on and may well deadlock. */
typedef void lockdep_hook_fn(const char *report, void *opaque);
void lockdep_set_hook(lockdep_hook_fn *hook, void *opaque) BEFORE_THREADS;

/* In the child of a fork, before it takes a lock. locks_after_fork_child does
 * it, and so does fork(3) by itself. */
void lockdep_after_fork(void);

#endif
