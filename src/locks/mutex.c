/* The mutex out of line: contention, and whatever is watched.
 *
 * A thread that has slept, or is about to, takes the lock by setting state to
 * 2 even if nobody else sleeps: it cannot know, and one needless wake is the
 * price. So as long as a thread sleeps, state is 2 or a wake is under way:
 * no wake-up is lost.
 *
 * After the exchange in the unlock the lock may be taken, released and freed by
 * others before the wake; then the wake goes to memory that is not a lock any
 * more, which at worst gives somebody a wake-up for no reason. */
#include "locks/mutex.h"

#include <ck_pr.h>

#include "locks/futex.h"
#include "locks/internal.h"
#include "locks/watch.h"

/* Looks at the lock that often before going to sleep. Few: where both cores
 * are busy the holder may need the one we are on. */
#define SPINS 40

void mutex_init(struct mutex *m, struct lock_class *lc)
{
    *m = (struct mutex)MUTEX_INIT(lc);
}

void mutex_destroy(struct mutex *m)
{
    if (atomic_load_explicit(&m->state, memory_order_relaxed) != 0) {
        lock_die("mutex_destroy: the lock is held");
    }
}

static void lock_contended(struct mutex *m)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&m->state, memory_order_relaxed) == 0 && mutex_try(m)) {
            return;
        }
        ck_pr_stall();
    }
    while (atomic_exchange_explicit(&m->state, 2, memory_order_acquire) != 0) {
        (void)futex_wait(&m->state, 2, 0);
    }
}

void mutex_lock_slow(struct mutex *m, const char *site)
{
    uint64_t from = 0;

    if (!lock_watched()) {
        lock_contended(m);
        return;
    }
    lock_watch_acquire(&m->base, 0, site);
    if (!mutex_try(m)) {
        from = lock_watch_wait();
        lock_contended(m);
    }
    lock_watch_acquired(&m->base, 0, site, from);
}

void mutex_watch_try(struct mutex *m, const char *site)
{
    lock_watch_acquired(&m->base, LOCK_HOW_TRY, site, 0);
}

void mutex_wake(struct mutex *m)
{
    futex_wake(&m->state, 1);
}

void mutex_unlock_slow(struct mutex *m, const char *site)
{
    lock_watch_release(&m->base, 0, site);
    if (mutex_free(m)) {
        futex_wake(&m->state, 1);
    }
}

void mutex_lock_unwatched(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    if (!mutex_try(m)) {
        lock_contended(m);
    }
}

void mutex_unlock_unwatched(struct mutex *m) NO_THREAD_SAFETY_ANALYSIS
{
    if (mutex_free(m)) {
        futex_wake(&m->state, 1);
    }
}
