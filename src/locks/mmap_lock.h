/* The mmap_lock: in user mode, the guest's mappings and translation against
 * them; nobody changes either without it. A thread may take it again. It may
 * be taken by the handler of a synchronous fault of guest code, since guest
 * code runs with no lock held. */
#ifndef MORTISE_LOCKS_MMAP_LOCK_H
#define MORTISE_LOCKS_MMAP_LOCK_H

#include "locks/bql.h"

/* What annotations name; the lock itself is private. */
struct CAPABILITY("mmap_lock") mmap_lock_capability {
    char unused;
};
extern struct mmap_lock_capability mmap_lock_cap ACQUIRED_AFTER(bql);

#define mmap_lock()   mmap_lock_at(LOCK_SITE)
#define mmap_unlock() mmap_unlock_at(LOCK_SITE)

void mmap_lock_at(const char *site) ACQUIRE(mmap_lock_cap);
void mmap_unlock_at(const char *site) RELEASE(mmap_lock_cap);

/* Whether the calling thread holds it. Signal-safe. */
bool have_mmap_lock(void);

/* Stops the process unless the caller holds it. */
void mmap_lock_assert(void) ASSERT_CAPABILITY(mmap_lock_cap);

#endif
