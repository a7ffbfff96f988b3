/* The big lock: device models that have not opted out of it, machine state,
 * run state. The outermost of the ordinary locks. Never held while guest code
 * runs. Not recursive, and bql_locked is for assertions: code that takes it
 * depending on whether it has it is how big locks grow. */
#ifndef MORTISE_LOCKS_BQL_H
#define MORTISE_LOCKS_BQL_H

#include "locks/mutex.h"

extern struct mutex bql;

/* Whether this thread is between its bql_lock and its bql_unlock, in every build.
 * Only for exec/memory_access.c, which is entered from both sides: devices' DMA
 * has the lock, a vCPU has not. */
extern _Thread_local bool bql_is_mine;

#define bql_lock()   bql_lock_at(LOCK_SITE)
#define bql_unlock() bql_unlock_at(LOCK_SITE)

static inline void bql_lock_at(const char *site) ACQUIRE(bql)
{
    mutex_lock_at(&bql, site);
    bql_is_mine = true;
}

static inline void bql_unlock_at(const char *site) RELEASE(bql)
{
    bql_is_mine = false;
    mutex_unlock_at(&bql, site);
}

/* Whether the calling thread holds it, if it was taken by bql_lock in a build
 * with lockdep; elsewhere, whether anybody does. */
bool bql_locked(void);

/* Stops the process unless bql_locked. */
void bql_assert_locked(void) ASSERT_CAPABILITY(bql);

#endif
