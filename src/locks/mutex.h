/* The plain lock: one holder, sleeps when it is taken, not recursive.
 *
 * state is 0 free, 1 held, 2 held and somebody may sleep for it. Who wants the
 * lock sets it to 2 before sleeping, so who releases a 1 need not wake anybody.
 * Acquire on the way in pairs with release on the way out.
 *
 * While the process has one thread, which libc knows, plain loads and stores
 * do: nobody is there to see them out of order or to come between. */
#ifndef MORTISE_LOCKS_MUTEX_H
#define MORTISE_LOCKS_MUTEX_H

#include <sys/single_threaded.h>

#include "base/error.h"
#include "locks/lock_class.h"

struct CAPABILITY("mutex") mutex {
    atomic_uint state;
    struct lock_base base;
};

/* clang-format off */
#define MUTEX_INIT(class_) {.base = {.lc = (class_)}}
/* clang-format on */

/* Also makes a new lock of one that was held by a thread that is gone (in the
 * child of a fork). Nobody else uses it meanwhile. */
void mutex_init(struct mutex *m, struct lock_class *lc);

/* It is free. */
void mutex_destroy(struct mutex *m);

#define mutex_lock(m)    mutex_lock_at((m), LOCK_SITE)
#define mutex_trylock(m) mutex_trylock_at((m), LOCK_SITE)
#define mutex_unlock(m)  mutex_unlock_at((m), LOCK_SITE)

void mutex_lock_slow(struct mutex *m, const char *site);
void mutex_unlock_slow(struct mutex *m, const char *site);
void mutex_wake(struct mutex *m);
void mutex_watch_try(struct mutex *m, const char *site);

/* Whether nobody else can come between. TSan does not see that the last other
 * thread's end comes before what is done alone. */
static inline bool mutex_alone(void)
{
#if defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
    return false;
#else
    return __libc_single_threaded;
#endif
#else
    return __libc_single_threaded;
#endif
}

/* Takes it if it is free. */
static inline bool mutex_try(struct mutex *m)
{
    unsigned unlocked = 0;

    if (mutex_alone()) {
        if (atomic_load_explicit(&m->state, memory_order_relaxed) != 0) {
            return false;
        }
        atomic_store_explicit(&m->state, 1, memory_order_relaxed);
        return true;
    }
    return atomic_compare_exchange_strong_explicit(&m->state, &unlocked, 1, memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Frees it; true if somebody may sleep for it. */
static inline bool mutex_free(struct mutex *m)
{
    if (mutex_alone()) {
        atomic_store_explicit(&m->state, 0, memory_order_relaxed);
        return false;
    }
    return atomic_exchange_explicit(&m->state, 0, memory_order_release) == 2;
}

static inline void mutex_lock_at(struct mutex *m, const char *site)
    ACQUIRE(m) NO_THREAD_SAFETY_ANALYSIS
{
    if (lock_watched() || __builtin_expect(!mutex_try(m), 0)) {
        mutex_lock_slow(m, site);
    }
}

/* False if it is held, by whomever. */
NODISCARD static inline bool mutex_trylock_at(struct mutex *m, const char *site)
    TRY_ACQUIRE(true, m) NO_THREAD_SAFETY_ANALYSIS
{
    if (!mutex_try(m)) {
        return false;
    }
    if (lock_watched()) {
        mutex_watch_try(m, site);
    }
    return true;
}

static inline void mutex_unlock_at(struct mutex *m, const char *site)
    RELEASE(m) NO_THREAD_SAFETY_ANALYSIS
{
    if (lock_watched()) {
        mutex_unlock_slow(m, site);
    } else if (__builtin_expect(mutex_free(m), 0)) {
        mutex_wake(m);
    }
}

#endif
