/* What the lock types of this room tell lockdep and the statistics about each
 * watched acquisition. Only for the room itself. In this order:
 *
 *   from = 0; lock_watch_acquire();            before anything else
 *   if the lock is not free at once:
 *       from = lock_watch_wait();  ...sleep...
 *   lock_watch_acquired(from);                 holding it
 *   lock_watch_release();                      still holding it
 *
 * A trylock that succeeds calls lock_watch_acquired alone. */
#ifndef MORTISE_LOCKS_WATCH_H
#define MORTISE_LOCKS_WATCH_H

#include "locks/lock_class.h"

enum lock_how {
    LOCK_HOW_SHARED = 1 << 0, /* other holders are possible */
    LOCK_HOW_TRY = 1 << 1,    /* did not wait, so cannot deadlock */
    LOCK_HOW_SPIN = 1 << 2,   /* the holder must not sleep */
};

void lock_watch_acquire(struct lock_base *base, unsigned how, const char *site);
uint64_t lock_watch_wait(void);
void lock_watch_acquired(struct lock_base *base, unsigned how, const char *site, uint64_t from);
void lock_watch_release(struct lock_base *base, unsigned how, const char *site);

/* stats.c's part of the above. */
uint64_t lock_stats_now(void);
void lock_stats_acquired(struct lock_base *base, unsigned how, uint64_t from);
void lock_stats_released(struct lock_base *base, unsigned how);

/* Our own bug, found without lockdep: one line on stderr, then abort. */
_Noreturn void lock_die(const char *what) BLOCKING_OK("the process ends");

#endif
