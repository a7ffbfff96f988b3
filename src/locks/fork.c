/* Holding everything across a fork. In the child the calling thread is the
 * holder of all that was taken, so releasing it is all that is needed to make
 * it as new: sleepers that a lock's state still speaks of are not there to be
 * woken, and a wake that finds nobody costs one system call.
 *
 * Taken in the declared order, like any nest of locks, and lockdep learns from
 * it like from any other; so a fork that could deadlock is reported. What other
 * rooms add is of the last rank, so that which locks are taken after which does
 * not depend on who has added one: mortise-lockcheck sees the same order. */
#include "locks/fork.h"

#include <stddef.h>

#include "locks/internal.h"
#include "locks/lockdep.h"
#include "locks/watch.h"

#define MAX_ADDED 32

LOCK_CLASS_DEFINE(fork_list_class, RANK_OUTER);
static struct mutex list_lock = MUTEX_INIT(&fork_list_class);
static struct mutex *mutexes[MAX_ADDED] GUARDED_BY(&list_lock);
static size_t mutex_count GUARDED_BY(&list_lock);
static struct spinlock *spinlocks[MAX_ADDED] GUARDED_BY(&list_lock);
static size_t spinlock_count GUARDED_BY(&list_lock);

void locks_fork_add_mutex(struct mutex *m)
{
    if (m->base.lc->rank != RANK_LEAF) {
        lock_die("locks_fork_add_mutex: not of rank leaf");
    }
    mutex_lock(&list_lock);
    if (mutex_count == MAX_ADDED) {
        lock_die("locks_fork_add_mutex: too many");
    }
    mutexes[mutex_count++] = m;
    mutex_unlock(&list_lock);
}

void locks_fork_add_spinlock(struct spinlock *s)
{
    if (s->base.lc->rank != RANK_LEAF) {
        lock_die("locks_fork_add_spinlock: not of rank leaf");
    }
    mutex_lock(&list_lock);
    if (spinlock_count == MAX_ADDED) {
        lock_die("locks_fork_add_spinlock: too many");
    }
    spinlocks[spinlock_count++] = s;
    mutex_unlock(&list_lock);
}

void locks_before_fork(void) ACQUIRE(&list_lock) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock(&list_lock);
    bql_lock();
    mmap_lock();
    page_lock_all();
    region_lock();
    for (size_t i = 0; i < mutex_count; i++) {
        mutex_lock(mutexes[i]);
    }
    for (size_t i = 0; i < spinlock_count; i++) {
        spinlock_lock(spinlocks[i]);
    }
}

void locks_after_fork_parent(void) RELEASE(&list_lock) NO_THREAD_SAFETY_ANALYSIS
{
    for (size_t i = spinlock_count; i-- > 0;) {
        spinlock_unlock(spinlocks[i]);
    }
    for (size_t i = mutex_count; i-- > 0;) {
        mutex_unlock(mutexes[i]);
    }
    region_unlock();
    page_unlock_all();
    mmap_unlock();
    bql_unlock();
    mutex_unlock(&list_lock);
}

void locks_after_fork_child(void) RELEASE(&list_lock) NO_THREAD_SAFETY_ANALYSIS
{
    lockdep_after_fork();
    locks_after_fork_parent();
}
