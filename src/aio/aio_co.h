/* Coroutines and contexts: a coroutine has a context, the one that it was last
 * scheduled to, or else the current one of the thread that entered it, and goes
 * on on its home thread. */
#ifndef MORTISE_AIO_AIO_CO_H
#define MORTISE_AIO_AIO_CO_H

#include "aio/aio.h"
#include "aio/clock.h"
#include "aio/coroutine.h"

/* Enters co soon, on the home thread of ctx, which becomes its context. co has
 * yielded, or is about to on that home thread. Any thread; signal-safe. A
 * coroutine can be scheduled once at a time. */
#define aio_co_schedule(ctx, co) aio_co_schedule_by((ctx), (co), __func__)
void aio_co_schedule_by(struct aio_context *ctx, struct coroutine *co, const char *by);

/* Enters co on the home thread of ctx. If ctx is the calling thread's current
 * context: now, or, in a coroutine, when that stops. Otherwise by
 * aio_co_schedule. */
#define aio_co_enter(ctx, co) aio_co_enter_by((ctx), (co), __func__)
void aio_co_enter_by(struct aio_context *ctx, struct coroutine *co, const char *by);

/* aio_co_enter in its own context. co has been entered at least once. Any
 * thread. */
#define aio_co_wake(co) aio_co_wake_by((co), __func__)
void aio_co_wake_by(struct coroutine *co, const char *by);

/* The running coroutine goes on on the home thread of ctx. */
void aio_co_reschedule_self(struct aio_context *ctx) coroutine_fn;

/* The context that the coroutine goes on in; NULL if it was entered outside of
 * any. */
struct aio_context *aio_co_context(struct coroutine *co);

/* Waits for a time to pass, or for co_sleep_wake. */
struct co_sleep {
    struct coroutine *waiting; /* set while it sleeps */
};

void co_sleep_ns(enum aio_clock clock, int64_t ns) coroutine_fn;
void co_sleep_ns_wakeable(struct co_sleep *sleep, enum aio_clock clock, int64_t ns) coroutine_fn;

/* Ends a sleep early; nothing if there is none. On the home thread of the
 * sleeper's context. */
void co_sleep_wake(struct co_sleep *sleep);

#endif
