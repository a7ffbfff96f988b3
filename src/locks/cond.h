/* Condition variables. The condition itself is data under the mutex; waking is
 * only a hint to look again, so waits stand in a loop. */
#ifndef MORTISE_LOCKS_COND_H
#define MORTISE_LOCKS_COND_H

#include "locks/mutex.h"

struct cond {
    atomic_uint sequence; /* moves with every wake; what sleepers sleep on */
    atomic_uint waiters;
};

/* clang-format off */
#define COND_INIT {0}
/* clang-format on */

void cond_init(struct cond *c);
void cond_destroy(struct cond *c);

#define cond_wait(c, m)              cond_wait_at((c), (m), LOCK_SITE)
#define cond_timedwait(c, m, abs_ns) cond_timedwait_at((c), (m), (abs_ns), LOCK_SITE)

/* Releases m while it sleeps. May return for no reason. */
void cond_wait_at(struct cond *c, struct mutex *m, const char *site) REQUIRES(m) MAY_BLOCK;

/* The same; false when the time (ns of CLOCK_MONOTONIC) has passed. */
bool cond_timedwait_at(struct cond *c, struct mutex *m, uint64_t abs_ns, const char *site)
    REQUIRES(m) MAY_BLOCK;

/* Wakes one, or all, of those that wait. The condition was changed under m;
 * m may have been released since. */
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

#endif
