/* A pthread rwlock, watched. Nothing here is on a path hot enough to deserve
 * one of our own. The calls can fail only for a lock that was never
 * initialised or a reader count that overflows: our own bugs. */
#include "locks/rwlock.h"

#include "locks/watch.h"

void rwlock_init(struct rwlock *rw, struct lock_class *lc)
{
    *rw = (struct rwlock)RWLOCK_INIT(lc);
}

void rwlock_destroy(struct rwlock *rw)
{
    if (pthread_rwlock_destroy(&rw->lock) != 0) {
        lock_die("rwlock_destroy: the lock is held");
    }
}

static void check(int error)
{
    if (error) {
        lock_die("rwlock: taken by a thread that holds it, or not initialised");
    }
}

void rwlock_read_lock_at(struct rwlock *rw, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    uint64_t from = 0;

    if (!lock_watched()) {
        check(pthread_rwlock_rdlock(&rw->lock));
        return;
    }
    lock_watch_acquire(&rw->base, LOCK_HOW_SHARED, site);
    if (pthread_rwlock_tryrdlock(&rw->lock) != 0) {
        from = lock_watch_wait();
        check(pthread_rwlock_rdlock(&rw->lock));
    }
    lock_watch_acquired(&rw->base, LOCK_HOW_SHARED, site, from);
}

bool rwlock_read_trylock_at(struct rwlock *rw, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (pthread_rwlock_tryrdlock(&rw->lock) != 0) {
        return false;
    }
    if (lock_watched()) {
        lock_watch_acquired(&rw->base, LOCK_HOW_SHARED | LOCK_HOW_TRY, site, 0);
    }
    return true;
}

void rwlock_read_unlock_at(struct rwlock *rw, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (lock_watched()) {
        lock_watch_release(&rw->base, LOCK_HOW_SHARED, site);
    }
    check(pthread_rwlock_unlock(&rw->lock));
}

void rwlock_write_lock_at(struct rwlock *rw, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    uint64_t from = 0;

    if (!lock_watched()) {
        check(pthread_rwlock_wrlock(&rw->lock));
        return;
    }
    lock_watch_acquire(&rw->base, 0, site);
    if (pthread_rwlock_trywrlock(&rw->lock) != 0) {
        from = lock_watch_wait();
        check(pthread_rwlock_wrlock(&rw->lock));
    }
    lock_watch_acquired(&rw->base, 0, site, from);
}

bool rwlock_write_trylock_at(struct rwlock *rw, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (pthread_rwlock_trywrlock(&rw->lock) != 0) {
        return false;
    }
    if (lock_watched()) {
        lock_watch_acquired(&rw->base, LOCK_HOW_TRY, site, 0);
    }
    return true;
}

void rwlock_write_unlock_at(struct rwlock *rw, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (lock_watched()) {
        lock_watch_release(&rw->base, 0, site);
    }
    check(pthread_rwlock_unlock(&rw->lock));
}
