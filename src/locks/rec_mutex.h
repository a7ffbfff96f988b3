/* A mutex that its holder may take again, and releases as often. clang's
 * analysis knows of no re-entry: a function that takes it twice in its own
 * body does not compile, one that nests through calls does. */
#ifndef MORTISE_LOCKS_REC_MUTEX_H
#define MORTISE_LOCKS_REC_MUTEX_H

#include "locks/mutex.h"

struct CAPABILITY("rec_mutex") rec_mutex {
    struct mutex inner;
    _Atomic(const void *) holder; /* its lock_self address; NULL: free. See rec_mutex.c */
    unsigned depth;               /* by the holder */
};

/* clang-format off */
#define REC_MUTEX_INIT(class_) {.inner = MUTEX_INIT(class_)}
/* clang-format on */

void rec_mutex_init(struct rec_mutex *m, struct lock_class *lc);
void rec_mutex_destroy(struct rec_mutex *m);

#define rec_mutex_lock(m)    rec_mutex_lock_at((m), LOCK_SITE)
#define rec_mutex_trylock(m) rec_mutex_trylock_at((m), LOCK_SITE)
#define rec_mutex_unlock(m)  rec_mutex_unlock_at((m), LOCK_SITE)

void rec_mutex_lock_at(struct rec_mutex *m, const char *site) ACQUIRE(m);
NODISCARD bool rec_mutex_trylock_at(struct rec_mutex *m, const char *site) TRY_ACQUIRE(true, m);
void rec_mutex_unlock_at(struct rec_mutex *m, const char *site) RELEASE(m);

/* Whether the calling thread holds it. */
bool rec_mutex_held(const struct rec_mutex *m);

#endif
