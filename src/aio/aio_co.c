/* Coroutines on contexts. A context's list of coroutines to enter is a stack
 * like that of its bottom halves, worked off by one bottom half.
 *
 * A coroutine that is about to yield on the home thread of its context may be
 * scheduled there by another thread before it has yielded: it is entered by
 * that same home thread, and so not before it has. Scheduling it to another
 * context is only right after it has yielded; aio_co_reschedule_self gets that
 * by a bottom half on the old one. */
#include "aio/aio_co.h"

#include <stdlib.h>

#include "aio/context.h"
#include "aio/coroutine_impl.h"
#include "aio/stack.h"
#include "aio/timer.h"

static void enter_scheduled(void *opaque)
{
    struct aio_context *ctx = opaque;
    ck_stack_entry_t **end = &ctx->co_first, *link;

    aio_context_assert_home(ctx);
    while (*end) {
        end = &(*end)->next;
    }
    *end = aio_stack_take(&ctx->coroutines);
    /* One that runs the loop must get at the rest. */
    if (ctx->co_first && ctx->co_first->next) {
        aio_bh_schedule(ctx->co_bh);
    }
    while ((link = ctx->co_first)) {
        struct coroutine *co = AIO_CONTAINER(link, struct coroutine, schedule_link);

        ctx->co_first = link->next;
        /* release pairs with the acquire of the next to schedule it: we are
         * done with the link. */
        atomic_store_explicit(&co->scheduled, NULL, memory_order_release);
        coroutine_enter_in(ctx, co);
    }
}

void aio_co_start(struct aio_context *ctx)
{
    ctx->co_bh = aio_bh_new(ctx, enter_scheduled, ctx);
}

void aio_co_schedule_by(struct aio_context *ctx, struct coroutine *co, const char *by)
{
    const char *nobody = NULL;

    if (!atomic_compare_exchange_strong_explicit(&co->scheduled, &nobody, by, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        aio_bug("%s schedules a coroutine that %s has scheduled already", by, nobody);
    }
    aio_stack_push(&ctx->coroutines, &co->schedule_link);
    aio_bh_schedule(ctx->co_bh);
}

void aio_co_enter_by(struct aio_context *ctx, struct coroutine *co, const char *by)
{
    struct coroutine *self;

    if (ctx != aio_context_current()) {
        aio_co_schedule_by(ctx, co, by);
        return;
    }
    self = coroutine_self();
    if (self) {
        if (self == co) {
            aio_bug("%s wakes the coroutine that is running", by);
        }
        coroutine_wake_later(self, co);
    } else {
        coroutine_enter(co);
    }
}

void aio_co_wake_by(struct coroutine *co, const char *by)
{
    struct aio_context *ctx = aio_co_context(co);

    if (!ctx) {
        aio_bug("%s wakes a coroutine that was entered outside of any event loop", by);
    }
    aio_co_enter_by(ctx, co, by);
}

struct aio_context *aio_co_context(struct coroutine *co)
{
    /* Pairs with the release in coroutine_enter. */
    return atomic_load_explicit(&co->ctx, memory_order_acquire);
}

struct move {
    struct aio_context *to;
    struct coroutine *co;
};

static void move_run(void *opaque)
{
    struct move *move = opaque;

    aio_co_schedule(move->to, move->co);
}

void aio_co_reschedule_self(struct aio_context *ctx)
{
    struct coroutine *self = coroutine_self();
    struct move move = {ctx, self};
    struct aio_context *from;

    if (!self) {
        aio_bug("aio_co_reschedule_self outside of a coroutine");
    }
    from = aio_co_context(self);
    if (!from) {
        aio_bug("aio_co_reschedule_self outside of any event loop");
    }
    if (from == ctx) {
        return;
    }
    aio_bh_schedule_oneshot(from, move_run, &move);
    coroutine_yield();
}

static void sleep_over(void *opaque)
{
    co_sleep_wake(opaque);
}

void co_sleep_ns_wakeable(struct co_sleep *sleep, enum aio_clock clock, int64_t ns)
{
    struct coroutine *self = coroutine_self();
    struct aio_context *ctx;
    struct aio_timer timer;

    if (!self) {
        aio_bug("co_sleep_ns outside of a coroutine");
    }
    ctx = aio_co_context(self);
    if (!ctx) {
        aio_bug("co_sleep_ns outside of any event loop");
    }
    aio_timer_init(&timer, ctx, clock, sleep_over, sleep);
    sleep->waiting = self;
    aio_timer_mod(&timer, aio_ns_after(aio_clock_get_ns(clock), ns));
    coroutine_yield();
    aio_timer_del(&timer);
}

void co_sleep_ns(enum aio_clock clock, int64_t ns)
{
    struct co_sleep sleep = {NULL};

    co_sleep_ns_wakeable(&sleep, clock, ns);
}

void co_sleep_wake(struct co_sleep *sleep)
{
    struct coroutine *co = sleep->waiting;

    if (co) {
        sleep->waiting = NULL;
        aio_co_wake(co);
    }
}
