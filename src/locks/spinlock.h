/* For sections of a few instructions that call nothing: ck's fetch-and-store
 * lock. Who waits looks at it a bounded number of times and then yields, since
 * the holder may have lost its processor to the waiter. The holder must not
 * sleep. TSan does not see into ck's assembly and is told. */
#ifndef MORTISE_LOCKS_SPINLOCK_H
#define MORTISE_LOCKS_SPINLOCK_H

#include <ck_spinlock.h>

#include "base/error.h"
#include "base/tsan.h"
#include "locks/lock_class.h"

struct CAPABILITY("spinlock") NONBLOCKING spinlock {
    ck_spinlock_fas_t ck;
    struct lock_base base;
};

/* clang-format off */
#define SPINLOCK_INIT(class_) {.ck = CK_SPINLOCK_FAS_INITIALIZER, .base = {.lc = (class_)}}
/* clang-format on */

void spinlock_init(struct spinlock *s, struct lock_class *lc);

#define spinlock_lock(s)    spinlock_lock_at((s), LOCK_SITE)
#define spinlock_trylock(s) spinlock_trylock_at((s), LOCK_SITE)
#define spinlock_unlock(s)  spinlock_unlock_at((s), LOCK_SITE)

void spinlock_lock_slow(struct spinlock *s, const char *site);
void spinlock_watch_try(struct spinlock *s, const char *site);
void spinlock_watch_unlock(struct spinlock *s, const char *site);

static inline void spinlock_lock_at(struct spinlock *s, const char *site)
    ACQUIRE(s) NO_THREAD_SAFETY_ANALYSIS
{
    if (lock_watched() || __builtin_expect(!ck_spinlock_fas_trylock(&s->ck), 0)) {
        spinlock_lock_slow(s, site);
    }
    tsan_acquire(s);
}

NODISCARD static inline bool spinlock_trylock_at(struct spinlock *s, const char *site)
    TRY_ACQUIRE(true, s) NO_THREAD_SAFETY_ANALYSIS
{
    if (!ck_spinlock_fas_trylock(&s->ck)) {
        return false;
    }
    tsan_acquire(s);
    if (lock_watched()) {
        spinlock_watch_try(s, site);
    }
    return true;
}

static inline void spinlock_unlock_at(struct spinlock *s, const char *site)
    RELEASE(s) NO_THREAD_SAFETY_ANALYSIS
{
    if (lock_watched()) {
        spinlock_watch_unlock(s, site);
    }
    tsan_release(s);
    ck_spinlock_fas_unlock(&s->ck);
}

#endif
