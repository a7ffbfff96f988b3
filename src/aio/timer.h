/* Timers. One belongs to a context, whose home thread runs its callback, and
 * to a clock. Arming, re-arming and deleting work from any thread and from
 * callbacks, its own included. */
#ifndef MORTISE_AIO_TIMER_H
#define MORTISE_AIO_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "aio/aio.h"
#include "aio/clock.h"
#include "aio/list.h"
#include "aio/timer_heap.h"

typedef void aio_timer_fn(void *opaque);

enum aio_timer_state {
    AIO_TIMER_IDLE,
    AIO_TIMER_ARMED,  /* in the heap */
    AIO_TIMER_EXPIRED /* its time has come, its callback not yet run */
};

struct aio_timer {
    struct timer_heap_node node; /* these three under the timer list's lock */
    struct aio_link expired;
    enum aio_timer_state state OWNED_BY(holder of the lock of the list);

    struct aio_context *ctx IMMUTABLE_AFTER_INIT;
    enum aio_clock clock IMMUTABLE_AFTER_INIT;
    aio_timer_fn *cb IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT;
};

/* The timer is the caller's memory, and ctx outlives it. */
void aio_timer_init(struct aio_timer *t, struct aio_context *ctx, enum aio_clock clock,
                    aio_timer_fn *cb, void *opaque);

/* Runs the callback once when the clock reaches expire_ns, at once if it has;
 * replaces an earlier time. Armed in the past from its own callback it runs
 * again in the next round of the loop, after everybody else. */
void aio_timer_mod(struct aio_timer *t, int64_t expire_ns);

/* The same if it is not pending or would have run later. */
void aio_timer_mod_anticipate(struct aio_timer *t, int64_t expire_ns);

/* Not pending from here on. A callback that another thread has begun is not
 * waited for; called on the home thread, none runs after it. */
void aio_timer_del(struct aio_timer *t);

bool aio_timer_pending(struct aio_timer *t);

/* Whether one of ctx's timers on the host's or the virtual clock has been due for longer
 * than that, or is due with its callback's turn still to come. Any thread; a moment later it
 * may be otherwise. */
bool aio_timers_are_late(struct aio_context *ctx, int64_t by_ns);

/* For who keeps the virtual clock (aio_clock_set_virtual_keeper): when the context's
 * first timer on it expires, INT64_MAX if there is none; and runs those that have, with
 * what their callbacks want held. On one thread at a time, unless the clock stands. */
int64_t aio_timers_first_virtual_ns(struct aio_context *ctx);
void aio_timers_run_virtual(struct aio_context *ctx);

/* When it expires; -1 if it is not pending. */
int64_t aio_timer_expire_ns(struct aio_timer *t);

#endif
