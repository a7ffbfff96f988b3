/* Adaptive polling: looking for a while before sleeping, so that an event that
 * comes soon costs no system call. How long is learnt from how long the waits
 * take: see aio_polling_adjust.
 *
 * It is possible while some handler has io_poll and every other one can be
 * looked at without a system call too: through the monitor, or because it is
 * the context's own notifier, whose flag is in memory. */
#include <errno.h>
#include <stdlib.h>

#include "aio/context.h"
#include "aio/fdmon.h"
#include "aio/trace.h"

/* The first time that is tried, when it grows from nothing. */
#define POLL_NS_FIRST 4000

int aio_context_set_poll_params(struct aio_context *ctx, int64_t max_ns, int64_t grow,
                                int64_t shrink, struct error *err)
{
    if (max_ns < 0 || grow < 0 || shrink < 0) {
        return error_set(err, EINVAL, "polling parameters are not negative");
    }
    atomic_store_explicit(&ctx->poll_max_ns, max_ns, memory_order_relaxed);
    atomic_store_explicit(&ctx->poll_grow, grow, memory_order_relaxed);
    atomic_store_explicit(&ctx->poll_shrink, shrink, memory_order_relaxed);
    aio_notify(ctx);
    return 0;
}

int64_t aio_context_poll_ns(const struct aio_context *ctx)
{
    int64_t ns = atomic_load_explicit(&ctx->poll_ns, memory_order_relaxed);
    int64_t most = atomic_load_explicit(&ctx->poll_max_ns, memory_order_relaxed);

    return ns < most ? ns : most; /* most may have been lowered since the last wait */
}

/* Makes the array of handlers anew if they have changed. Its elements live:
 * the home thread frees them only before a round, having seen the change. */
static void refresh(struct aio_context *ctx) REQUIRES(ctx)
{
    unsigned version = atomic_load_explicit(&ctx->version, memory_order_acquire);

    if (version == ctx->poll_version) {
        return;
    }
    ctx->poll_version = version;
    ctx->pollers_count = 0;
    ctx->pollable = true;
    mutex_lock(&ctx->handlers_lock);
    for (struct aio_link *link = ctx->handlers.next; link != &ctx->handlers; link = link->next) {
        struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);

        if (h->ops.io_poll) {
            if (ctx->pollers_count == ctx->pollers_size) {
                size_t size = ctx->pollers_size ? ctx->pollers_size * 2 : 16;
                void *array = realloc(ctx->pollers, size * sizeof(struct aio_handler *));

                if (!array) {
                    ctx->pollable = false;
                    break;
                }
                ctx->pollers = array;
                ctx->pollers_size = size;
            }
            ctx->pollers[ctx->pollers_count++] = h;
        } else if (!h->internal && h->want && !ctx->fdmon->pending) {
            ctx->pollable = false;
        }
    }
    mutex_unlock(&ctx->handlers_lock);
}

bool aio_polling_possible(struct aio_context *ctx)
{
    if (!ctx->poll_begun && atomic_load_explicit(&ctx->poll_max_ns, memory_order_relaxed) == 0) {
        return false;
    }
    refresh(ctx);
    return (ctx->pollable && ctx->pollers_count > 0) || ctx->poll_begun;
}

/* Looks once at each; whether one has something. */
static bool look(struct aio_context *ctx) REQUIRES(ctx)
{
    bool found = false;

    for (size_t i = 0; i < ctx->pollers_count; i++) {
        struct aio_handler *h = ctx->pollers[i];

        if (!aio_handler_silent(h) && h->ops.io_poll(h->opaque)) {
            h->poll_ready = true;
            aio_ready_add(ctx, h, 0);
            found = true;
        }
    }
    return found;
}

/* An external handler that is disabled when polling ends stays begun until it is
 * enabled: it could not be looked at for what its other side did meanwhile. */
static void set_begun(struct aio_context *ctx, bool begun) REQUIRES(ctx)
{
    ctx->poll_begun = begun;
    for (size_t i = 0; i < ctx->pollers_count; i++) {
        struct aio_handler *h = ctx->pollers[i];
        void (*fn)(void *opaque) = begun ? h->ops.io_poll_begin : h->ops.io_poll_end;

        if (h->poll_begun == begun || atomic_load_explicit(&h->removed, memory_order_relaxed)) {
            continue;
        }
        if (atomic_load_explicit(&h->disabled, memory_order_relaxed)) {
            ctx->poll_begun |= h->poll_begun;
            continue;
        }
        h->poll_begun = begun;
        if (fn) {
            fn(h->opaque);
        }
    }
}

/* From here on the other sides signal again; what they did while they did not is
 * for us to find. */
static bool end(struct aio_context *ctx) REQUIRES(ctx)
{
    set_begun(ctx, false);
    return look(ctx);
}

/* Whether there is something else than handlers to attend to. */
static bool called_away(struct aio_context *ctx) REQUIRES(ctx)
{
    return atomic_load_explicit(&ctx->notified, memory_order_acquire) ||
           (ctx->fdmon->pending && ctx->fdmon->pending(ctx));
}

bool aio_polling_run(struct aio_context *ctx, int64_t timeout_ns)
{
    int64_t most = aio_context_poll_ns(ctx);
    int64_t start;
    uint64_t begun = aio_trace_begin();
    bool found = false;

    if (timeout_ns > 0 && timeout_ns < most) {
        most = timeout_ns;
    }
    if (most > 0 && ctx->pollable) {
        set_begun(ctx, true);
        if (ctx->fdmon->flush) {
            ctx->fdmon->flush(ctx);
        }
        start = aio_clock_get_ns(AIO_CLOCK_HOST);
        do {
            found = look(ctx) || called_away(ctx);
        } while (!found && aio_clock_get_ns(AIO_CLOCK_HOST) - start < most);
        aio_trace_end(found ? AIO_TRACE_POLL_HIT : AIO_TRACE_POLL_MISS, ctx,
                      found ? "poll hit" : "poll miss", begun);
    }
    if (!found && ctx->poll_begun) {
        found = end(ctx);
    }
    return found;
}

void aio_polling_stop(struct aio_context *ctx)
{
    if (ctx->poll_begun) {
        refresh(ctx);
        (void)end(ctx);
    }
}

void aio_polling_adjust(struct aio_context *ctx, int64_t block_ns)
{
    int64_t most = atomic_load_explicit(&ctx->poll_max_ns, memory_order_relaxed);
    int64_t grow = atomic_load_explicit(&ctx->poll_grow, memory_order_relaxed);
    int64_t shrink = atomic_load_explicit(&ctx->poll_shrink, memory_order_relaxed);
    int64_t ns = atomic_load_explicit(&ctx->poll_ns, memory_order_relaxed);

    if (block_ns > most) {
        /* Polling as long as we may would not have caught it. */
        ns = shrink ? ns / shrink : 0;
    } else if (block_ns > ns) {
        /* A little longer, and it would have been caught. */
        int64_t factor = grow ? grow : 2;

        ns = ns == 0 ? POLL_NS_FIRST : ns > most / factor ? most : ns * factor;
    }
    atomic_store_explicit(&ctx->poll_ns, ns < most ? ns : most, memory_order_relaxed);
}
