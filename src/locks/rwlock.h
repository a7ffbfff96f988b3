/* One writer or many readers; a waiting writer goes before new readers, so a
 * reader must not take it again. For data that is read for long stretches;
 * short ones are better off with a mutex, hot ones with RCU. */
#ifndef MORTISE_LOCKS_RWLOCK_H
#define MORTISE_LOCKS_RWLOCK_H

#include <pthread.h>

#include "base/error.h"
#include "locks/lock_class.h"

struct CAPABILITY("rwlock") rwlock {
    pthread_rwlock_t lock;
    struct lock_base base;
};

/* clang-format off */
#define RWLOCK_INIT(class_)                                                                        \
    {.lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP, .base = {.lc = (class_)}}
/* clang-format on */

void rwlock_init(struct rwlock *rw, struct lock_class *lc);
void rwlock_destroy(struct rwlock *rw);

#define rwlock_read_lock(rw)     rwlock_read_lock_at((rw), LOCK_SITE)
#define rwlock_read_trylock(rw)  rwlock_read_trylock_at((rw), LOCK_SITE)
#define rwlock_read_unlock(rw)   rwlock_read_unlock_at((rw), LOCK_SITE)
#define rwlock_write_lock(rw)    rwlock_write_lock_at((rw), LOCK_SITE)
#define rwlock_write_trylock(rw) rwlock_write_trylock_at((rw), LOCK_SITE)
#define rwlock_write_unlock(rw)  rwlock_write_unlock_at((rw), LOCK_SITE)

void rwlock_read_lock_at(struct rwlock *rw, const char *site) ACQUIRE_SHARED(rw);
NODISCARD bool rwlock_read_trylock_at(struct rwlock *rw, const char *site)
    TRY_ACQUIRE_SHARED(true, rw);
void rwlock_read_unlock_at(struct rwlock *rw, const char *site) RELEASE_SHARED(rw);
void rwlock_write_lock_at(struct rwlock *rw, const char *site) ACQUIRE(rw);
NODISCARD bool rwlock_write_trylock_at(struct rwlock *rw, const char *site) TRY_ACQUIRE(true, rw);
void rwlock_write_unlock_at(struct rwlock *rw, const char *site) RELEASE(rw);

#endif
