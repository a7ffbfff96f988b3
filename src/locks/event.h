/* A flag to sleep on. Set stays set until it is reset, so a wake-up that comes
 * before the wait is not lost. The pattern:
 *
 *   waiter: event_reset; look for work; if none: event_wait
 *   waker:  leave work; event_set
 *
 * set and reset are full fences, so one of the two sees the other. */
#ifndef MORTISE_LOCKS_EVENT_H
#define MORTISE_LOCKS_EVENT_H

#include "locks/lock_class.h"

struct event {
    atomic_uint state; /* see event.c */
};

/* clang-format off */
#define EVENT_INIT {0}
/* clang-format on */

void event_init(struct event *e);

/* Any thread; signal-safe. */
void event_set(struct event *e);
void event_reset(struct event *e);
bool event_is_set(struct event *e);

#define event_wait(e)              event_wait_at((e), LOCK_SITE)
#define event_timedwait(e, abs_ns) event_timedwait_at((e), (abs_ns), LOCK_SITE)

/* Returns when it is set; leaves it set. */
void event_wait_at(struct event *e, const char *site) MAY_BLOCK;

/* The same; false when the time (ns of CLOCK_MONOTONIC) has passed first. */
bool event_timedwait_at(struct event *e, uint64_t abs_ns, const char *site) MAY_BLOCK;

#endif
