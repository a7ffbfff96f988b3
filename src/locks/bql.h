/* The big lock: device models that have not opted out of it, machine state,
 * run state. The outermost of the ordinary locks. Never held while guest code
 * runs. Not recursive, and bql_locked is for assertions: code that takes it
 * depending on whether it has it is how big locks grow. */
#ifndef MORTISE_LOCKS_BQL_H
#define MORTISE_LOCKS_BQL_H

#include "locks/mutex.h"

extern struct mutex bql;

#define bql_lock()   mutex_lock_at(&bql, LOCK_SITE)
#define bql_unlock() mutex_unlock_at(&bql, LOCK_SITE)

/* Whether the calling thread holds it, if it was taken by bql_lock in a build
 * with lockdep; elsewhere, whether anybody does. */
bool bql_locked(void);

/* Stops the process unless bql_locked. */
void bql_assert_locked(void) ASSERT_CAPABILITY(bql);

#endif
