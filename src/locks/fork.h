/* Locks across fork(2). Only the calling thread exists in the child, so a lock
 * that another thread held would stay held there, and what it guards half
 * changed. Therefore the forking thread takes every emulator-global lock
 * first, in the declared order, and both sides let go of them afterwards:
 *
 *   locks_before_fork();
 *   pid = fork();
 *   pid == 0 ? locks_after_fork_child() : locks_after_fork_parent();
 *
 * The caller holds none of them. rcu_before_fork comes before, its other
 * halves after. */
#ifndef MORTISE_LOCKS_FORK_H
#define MORTISE_LOCKS_FORK_H

#include "locks/bql.h"
#include "locks/mmap_lock.h"
#include "locks/page_lock.h"
#include "locks/region_lock.h"
#include "locks/spinlock.h"

/* Adds a global lock of another room, of rank leaf, to those held across fork.
 * Once, at start-up or the first use; at most 32 of each. They are taken after
 * the locks of other ranks, mutexes before spinlocks, in the order in which
 * they were added. */
void locks_fork_add_mutex(struct mutex *m);
void locks_fork_add_spinlock(struct spinlock *s);

void locks_before_fork(void) ACQUIRE(bql, mmap_lock_cap, page_lock_cap, region_lock_cap);
void locks_after_fork_parent(void) RELEASE(bql, mmap_lock_cap, page_lock_cap, region_lock_cap);

/* In the child; the only thread. Everything it releases is as new. */
void locks_after_fork_child(void) RELEASE(bql, mmap_lock_cap, page_lock_cap, region_lock_cap);

#endif
