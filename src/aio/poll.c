/* One round of a context, and the handshake by which a sleeping home thread is
 * woken.
 *
 *   notify:  leave work W                     round:  notify_me += 2
 *            if (exchange(notified, true))            if (notified) do not sleep
 *                done: see below                      sleep until the eventfd is set, or others
 *            if (notify_me)                           notify_me -= 2
 *                set the eventfd                      exchange(notified, false)
 *                                                     look for work
 *
 * No wake-up is lost. All steps on the two variables are sequentially
 * consistent. Take a notify whose exchange found false. If it is before the
 * round's look at `notified`, the round does not sleep. If it is behind, then
 * notify_me was raised before, notify reads it and sets the eventfd, unless
 * the sleep is over already. Take a notify whose exchange found true: the one
 * that put it there is not accepted yet, and by the argument above the home
 * thread is on its way to accept. In each case the home thread's exchange
 * comes after ours and acquires what it released: W is seen by the look.
 *
 * In a burst of notifies only the first looks at notify_me and enters the kernel.
 *
 * analysis/models/aio_notify.pml checks this, and that without the look at
 * `notified`, or with the store and the load in notify swapped, wake-ups are
 * lost. */
#include "aio/aio.h"

#include "aio/context.h"
#include "aio/coroutine_impl.h"
#include "aio/fdmon.h"
#include "aio/trace.h"
#include "locks/lockdep.h"

void aio_notify(struct aio_context *ctx)
{
    if (!atomic_exchange_explicit(&ctx->notified, true, memory_order_seq_cst) &&
        atomic_load_explicit(&ctx->notify_me, memory_order_seq_cst) != 0) {
        event_notifier_set(&ctx->notifier);
    }
}

void aio_notify_accept(struct aio_context *ctx)
{
    aio_context_require_home(ctx);
    if (atomic_load_explicit(&ctx->notified, memory_order_relaxed)) {
        (void)atomic_exchange_explicit(&ctx->notified, false, memory_order_seq_cst);
    }
}

bool aio_sleep_begin(struct aio_context *ctx, unsigned who)
{
    if (who == AIO_NOTIFY_GLIB) {
        atomic_fetch_or_explicit(&ctx->notify_me, who, memory_order_seq_cst);
    } else {
        atomic_fetch_add_explicit(&ctx->notify_me, who, memory_order_seq_cst);
    }
    return !atomic_load_explicit(&ctx->notified, memory_order_seq_cst);
}

void aio_sleep_end(struct aio_context *ctx, unsigned who)
{
    if (who == AIO_NOTIFY_GLIB) {
        atomic_fetch_and_explicit(&ctx->notify_me, ~who, memory_order_seq_cst);
    } else {
        atomic_fetch_sub_explicit(&ctx->notify_me, who, memory_order_seq_cst);
    }
}

int64_t aio_context_timeout_ns(struct aio_context *ctx)
{
    int64_t bhs, timers;

    if (!aio_link_alone(&ctx->ready)) {
        return 0;
    }
    bhs = aio_bhs_timeout_ns(ctx);
    if (bhs == 0) {
        return 0;
    }
    timers = aio_timers_timeout_ns(ctx);
    return timers < 0 || (bhs > 0 && bhs < timers) ? bhs : timers;
}

/* Which lock it is, if any, is the context's. */
static void unlock_for_sleep(struct aio_context *ctx)
    NOTE_RELEASE(ctx->wait_lock) NO_THREAD_SAFETY_ANALYSIS
{
    if (ctx->wait_lock) {
        mutex_unlock(ctx->wait_lock);
    }
    lockdep_may_block("waiting for events", LOCK_SITE);
}

static void lock_after_sleep(struct aio_context *ctx)
    NOTE_ACQUIRE(ctx->wait_lock) NO_THREAD_SAFETY_ANALYSIS
{
    if (ctx->wait_lock) {
        mutex_lock(ctx->wait_lock);
    }
}

/* How long is worked out here, since time went by while polling, and what it
 * called may have armed timers. */
static void sleep_until_ready(struct aio_context *ctx) REQUIRES(ctx)
{
    uint64_t begun = aio_trace_begin();
    int64_t timeout_ns = aio_sleep_begin(ctx, AIO_NOTIFY_SLEEP) ? aio_context_timeout_ns(ctx) : 0;

    if (timeout_ns != 0) {
        unlock_for_sleep(ctx);
    }
    ctx->fdmon->wait(ctx, timeout_ns);
    if (timeout_ns != 0) {
        lock_after_sleep(ctx);
    }
    aio_sleep_end(ctx, AIO_NOTIFY_SLEEP);
    aio_trace_end(AIO_TRACE_WAIT, ctx, "wait", begun);
}

/* Finds what is ready: by polling, by sleeping, or by only looking. */
static void collect(struct aio_context *ctx, bool blocking) REQUIRES(ctx)
{
    int64_t timeout = blocking ? aio_context_timeout_ns(ctx) : 0;
    int64_t begun = 0;
    bool polling = timeout != 0 && aio_polling_possible(ctx);

    if (polling) {
        begun = aio_clock_get_ns(AIO_CLOCK_HOST);
        if (aio_polling_run(ctx, timeout)) {
            timeout = 0;
        }
    }
    if (timeout != 0) {
        sleep_until_ready(ctx);
    } else if (!polling || (ctx->fdmon->pending && ctx->fdmon->pending(ctx))) {
        /* After polling, all that cannot tell has been looked at. */
        ctx->fdmon->wait(ctx, 0);
    }
    if (polling) {
        aio_polling_adjust(ctx, aio_clock_get_ns(AIO_CLOCK_HOST) - begun);
    }
}

bool aio_poll(struct aio_context *ctx, bool blocking)
{
    bool progress;

    aio_context_assert_home(ctx);
    if (ctx->depth == 0) {
        aio_handlers_reap(ctx);
    }
    ctx->depth++;
    coroutine_round_begin();
    collect(ctx, blocking);
    aio_notify_accept(ctx);
    progress = aio_bhs_run(ctx);
    progress |= aio_ready_run(ctx);
    progress |= aio_timers_run(ctx);
    coroutine_round_end();
    ctx->depth--;
    return progress;
}
