/* Locks for coroutines: who has to wait yields, and its thread goes on with
 * other things. They may be used by coroutines of several contexts.
 *
 * A co-mutex may be held across a yield, which a mutex may not, and goes on to
 * the next that waits in the order of their coming. */
#ifndef MORTISE_AIO_CO_LOCK_H
#define MORTISE_AIO_CO_LOCK_H

#include <stdbool.h>

#include "aio/coroutine.h"
#include "base/annotations.h"
#include "locks/spinlock.h"

struct co_waiter;

struct CAPABILITY("co_mutex") co_mutex {
    struct spinlock lock;
    struct coroutine *holder GUARDED_BY(&lock); /* NULL: it is free */
    struct co_waiter *first GUARDED_BY(&lock), *last GUARDED_BY(&lock);
};

/* Stops the process if it is held when it is destroyed. */
void co_mutex_init(struct co_mutex *m);
void co_mutex_destroy(struct co_mutex *m);

/* Stops the process if the caller holds it already, or, unlocking, does not. */
void co_mutex_lock(struct co_mutex *m) ACQUIRE(m) coroutine_fn;
bool co_mutex_trylock(struct co_mutex *m) TRY_ACQUIRE(true, m) coroutine_fn;
void co_mutex_unlock(struct co_mutex *m) RELEASE(m) coroutine_fn;

/* Coroutines that wait for a condition under m, always the same for one queue. */
struct co_queue {
    struct co_waiter *first, *last; /* under m */
};

void co_queue_init(struct co_queue *q);

/* Releases m, waits, and takes m again. Look at the condition in a loop. */
void co_queue_wait(struct co_queue *q, struct co_mutex *m) REQUIRES(m) coroutine_fn;

/* Wakes the one that has waited longest, or all. False if there is none. The
 * caller holds m; need not be in a coroutine if it otherwise excludes those
 * who do, as code on the only context that uses m does. */
bool co_queue_next(struct co_queue *q);
void co_queue_restart_all(struct co_queue *q);
bool co_queue_empty(const struct co_queue *q);

#endif
