/* The region lock: hand-out of code-cache regions to threads. Not on the fast
 * path: a thread translates into the region it owns. */
#ifndef MORTISE_LOCKS_REGION_LOCK_H
#define MORTISE_LOCKS_REGION_LOCK_H

#include "locks/page_lock.h"

struct CAPABILITY("region_lock") region_lock_capability {
    char unused;
};
extern struct region_lock_capability region_lock_cap ACQUIRED_AFTER(page_lock_cap);

#define region_lock()   region_lock_at(LOCK_SITE)
#define region_unlock() region_unlock_at(LOCK_SITE)

void region_lock_at(const char *site) ACQUIRE(region_lock_cap);
void region_unlock_at(const char *site) RELEASE(region_lock_cap);

#endif
