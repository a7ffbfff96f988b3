/* A look into the loops: a ring of the latest events of all contexts, off
 * unless started. Off, an event costs one load; on, two reads of the clock and
 * a few stores. Written out, it opens in Perfetto or chrome://tracing. */
#ifndef MORTISE_AIO_TRACE_H
#define MORTISE_AIO_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct aio_context;

enum aio_trace_kind {
    AIO_TRACE_HANDLER,   /* a descriptor's callbacks; value: the descriptor */
    AIO_TRACE_BH,        /* a bottom half, by the name of its function */
    AIO_TRACE_TIMER,     /* a timer ran; value: ns that it was late */
    AIO_TRACE_WAIT,      /* the loop slept */
    AIO_TRACE_POLL_HIT,  /* adaptive polling found something */
    AIO_TRACE_POLL_MISS, /* and did not, before it gave up */
    AIO_TRACE_KIND_COUNT
};

/* Starts recording into a ring of at least `events` (a power of two is made
 * of it), emptied if there is one of that size. -ENOMEM; -EBUSY when there is
 * one of another size. Any thread. */
NODISCARD int aio_trace_start(size_t events, struct error *err);
void aio_trace_stop(void);

/* Writes what the ring holds as Chrome trace JSON. Any thread, also while
 * recording; an event that is being overwritten is left out. -EIO if the
 * stream has an error. */
NODISCARD int aio_trace_write_json(FILE *file, struct error *err);

/* How many events were recorded since the start, those overwritten included. */
uint64_t aio_trace_count(void);

/* For aio_hold_locks_across_fork. */
void aio_trace_hold_lock_across_fork(void);

extern atomic_bool aio_trace_on;
uint64_t aio_trace_now(void);
void aio_trace_record(enum aio_trace_kind kind, const struct aio_context *ctx, const char *name,
                      int64_t value, uint64_t begun, uint64_t ended);

/* The pair around something that takes time. begin returns 0 when off. */
static inline uint64_t aio_trace_begin(void)
{
    return __builtin_expect(atomic_load_explicit(&aio_trace_on, memory_order_relaxed), 0)
               ? aio_trace_now()
               : 0;
}

static inline void aio_trace_end_value(enum aio_trace_kind kind, const struct aio_context *ctx,
                                       const char *name, int64_t value, uint64_t begun)
{
    if (__builtin_expect(begun != 0, 0)) {
        aio_trace_record(kind, ctx, name, value, begun, aio_trace_now());
    }
}

static inline void aio_trace_end(enum aio_trace_kind kind, const struct aio_context *ctx,
                                 const char *name, uint64_t begun)
{
    aio_trace_end_value(kind, ctx, name, 0, begun);
}

static inline void aio_trace_timer(const struct aio_context *ctx, int64_t late_ns)
{
    uint64_t now = aio_trace_begin();

    if (__builtin_expect(now != 0, 0)) {
        aio_trace_record(AIO_TRACE_TIMER, ctx, "timer", late_ns, now, now);
    }
}

#endif
