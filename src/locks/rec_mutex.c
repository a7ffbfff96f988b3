/* Re-entry is decided by `holder`: a thread finds its own mark there only if it
 * has put it there itself and not taken it away since, so the relaxed load
 * needs no partner. The mark is an address in the thread's own storage, which
 * the child of a fork keeps. */
#include "locks/rec_mutex.h"

#include <stddef.h>

#include "locks/watch.h"

static _Thread_local char lock_self;

void rec_mutex_init(struct rec_mutex *m, struct lock_class *lc)
{
    *m = (struct rec_mutex)REC_MUTEX_INIT(lc);
}

void rec_mutex_destroy(struct rec_mutex *m)
{
    mutex_destroy(&m->inner);
}

bool rec_mutex_held(const struct rec_mutex *m)
{
    return atomic_load_explicit(&m->holder, memory_order_relaxed) == &lock_self;
}

static void take(struct rec_mutex *m)
{
    atomic_store_explicit(&m->holder, &lock_self, memory_order_relaxed);
    m->depth = 1;
}

void rec_mutex_lock_at(struct rec_mutex *m, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (rec_mutex_held(m)) {
        m->depth++;
    } else {
        mutex_lock_at(&m->inner, site);
        take(m);
    }
}

bool rec_mutex_trylock_at(struct rec_mutex *m, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    if (rec_mutex_held(m)) {
        m->depth++;
    } else if (mutex_trylock_at(&m->inner, site)) {
        take(m);
    } else {
        return false;
    }
    return true;
}

void rec_mutex_unlock_at(struct rec_mutex *m, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
#ifndef MORTISE_LOCKDEP
    if (!rec_mutex_held(m)) {
        lock_die("rec_mutex_unlock: the caller does not hold the lock");
    }
#endif
    if (!rec_mutex_held(m)) {
        mutex_unlock_at(&m->inner, site); /* lockdep reports it */
    } else if (--m->depth == 0) {
        atomic_store_explicit(&m->holder, NULL, memory_order_relaxed);
        mutex_unlock_at(&m->inner, site);
    }
}
