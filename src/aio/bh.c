/* Bottom halves.
 *
 * A bottom half is in at most one place: its context's stack of scheduled ones
 * (`bhs`), the home thread's queue, or a guard's list of waiting ones. The flag
 * PENDING is that place: who turns it on pushes, and only the home thread
 * turns it off, in the same step in which it takes the orders:
 *
 *   schedule: old = flags |= PENDING | SCHEDULED; if !(old & PENDING) push; notify
 *   run:      take from the queue; old = flags &= ~(PENDING | SCHEDULED);
 *             if old & SCHEDULED call
 *
 * No schedule is lost: it is before the `&=` in the order of changes to flags,
 * and then the call comes after it, or it is behind, finds PENDING off, and
 * pushes. None runs twice: the `&=` takes SCHEDULED away. The read-modify-writes
 * acquire and release, so the call sees what the scheduler did before, and the
 * pusher of the link sees that the home thread has finished with it.
 *
 * Deleting is scheduling with another flag: the home thread frees it where it
 * would have run it, so nobody frees it under another's hands. Nothing but the
 * home thread ever frees one.
 *
 * analysis/models/aio_bh.pml checks this, and that the order of the run's two
 * halves is needed. */
#include "aio/bh.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "aio/context.h"
#include "aio/stack.h"
#include "aio/trace.h"

/* How late an idle bottom half may be. */
#define IDLE_NS (10 * AIO_NS_PER_MS)

enum bh_flags {
    BH_PENDING = 1 << 0,
    BH_SCHEDULED = 1 << 1,
    BH_HURRY = 1 << 2,   /* with SCHEDULED: not only by schedule_idle */
    BH_DELETED = 1 << 3, /* to be freed, not run */
    BH_ONESHOT = 1 << 4, /* to be freed when it has run */
};

struct aio_bh {
    ck_stack_entry_t link; /* where PENDING says that it is */
    atomic_uint flags;
    uint64_t seq OWNED_BY(home); /* in the home thread's queue: of the round that took it */
    struct aio_context *ctx IMMUTABLE_AFTER_INIT;
    aio_bh_fn *cb IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT;
    struct aio_guard *guard IMMUTABLE_AFTER_INIT;
    const char *name IMMUTABLE_AFTER_INIT;
};

static struct aio_bh *bh_of(ck_stack_entry_t *link)
{
    return AIO_CONTAINER(link, struct aio_bh, link);
}

static struct aio_bh *bh_next(struct aio_bh *bh)
{
    return bh->link.next ? bh_of(bh->link.next) : NULL;
}

/* An idle one that the home thread itself schedules ends no wait: it is awake,
 * and sees it when it works out how long to sleep. Unless this is a signal
 * handler that has interrupted it after that. */
static bool is_seen_in_time(struct aio_context *ctx)
{
    return aio_context_is_home(ctx) &&
           atomic_load_explicit(&ctx->notify_me, memory_order_relaxed) == 0;
}

static void enqueue(struct aio_bh *bh, unsigned flags)
{
    struct aio_context *ctx = bh->ctx; /* bh may be run and freed from the push on */
    unsigned old = atomic_fetch_or_explicit(&bh->flags, BH_PENDING | flags, memory_order_acq_rel);

    if (!(old & BH_PENDING)) {
        aio_stack_push(&ctx->bhs, &bh->link);
    }
    if (flags != BH_SCHEDULED || !is_seen_in_time(ctx)) {
        aio_notify(ctx);
    }
}

struct aio_bh *aio_bh_new_full(struct aio_context *ctx, aio_bh_fn *cb, void *opaque,
                               const char *name, struct aio_guard *guard)
{
    struct aio_bh *bh = aio_alloc(sizeof(*bh));

    *bh = (struct aio_bh){.ctx = ctx, .cb = cb, .opaque = opaque, .guard = guard, .name = name};
    return bh;
}

void aio_bh_schedule(struct aio_bh *bh)
{
    enqueue(bh, BH_SCHEDULED | BH_HURRY);
}

void aio_bh_schedule_idle(struct aio_bh *bh)
{
    enqueue(bh, BH_SCHEDULED);
}

void aio_bh_cancel(struct aio_bh *bh)
{
    atomic_fetch_and_explicit(&bh->flags, ~(unsigned)(BH_SCHEDULED | BH_HURRY),
                              memory_order_acq_rel);
}

void aio_bh_delete(struct aio_bh *bh)
{
    enqueue(bh, BH_DELETED);
}

void aio_bh_schedule_oneshot_full(struct aio_context *ctx, aio_bh_fn *cb, void *opaque,
                                  const char *name)
{
    enqueue(aio_bh_new_full(ctx, cb, opaque, name, NULL), BH_SCHEDULED | BH_HURRY | BH_ONESHOT);
}

bool aio_guard_enter(struct aio_guard *guard)
{
    if (guard->entered) {
        return false;
    }
    guard->entered = true;
    return true;
}

void aio_guard_leave(struct aio_guard *guard)
{
    struct aio_bh *bh = guard->waiting, *next;

    guard->entered = false;
    guard->waiting = guard->waiting_last = NULL;
    for (; bh; bh = next) {
        struct aio_context *ctx = bh->ctx;

        next = bh_next(bh);
        aio_stack_push(&ctx->bhs, &bh->link); /* it is PENDING still */
        aio_notify(ctx);
    }
}

/* Its guard is entered: it stays PENDING, in the guard's list. */
static void put_off(struct aio_bh *bh)
{
    struct aio_guard *guard = bh->guard;

    bh->link.next = NULL;
    if (guard->waiting) {
        guard->waiting_last->link.next = &bh->link;
    } else {
        guard->waiting = bh;
    }
    guard->waiting_last = bh;
}

static void call(struct aio_bh *bh)
{
    struct aio_context *ctx = bh->ctx;
    const char *name = bh->name;
    uint64_t begun = aio_trace_begin();

    bh->cb(bh->opaque);
    /* bh may be gone: a nested round frees what the callback has deleted. */
    aio_trace_end(AIO_TRACE_BH, ctx, name, begun);
}

/* True if it ran and was not idle. */
static bool run_one(struct aio_bh *bh)
{
    unsigned old;
    bool guarded = false;

    if (bh->guard && !(atomic_load_explicit(&bh->flags, memory_order_relaxed) & BH_DELETED)) {
        if (!aio_guard_enter(bh->guard)) {
            put_off(bh);
            return false;
        }
        guarded = true;
    }
    old = atomic_fetch_and_explicit(&bh->flags, ~(unsigned)(BH_PENDING | BH_SCHEDULED | BH_HURRY),
                                    memory_order_acq_rel);
    if ((old & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED) {
        struct aio_guard *guard = bh->guard;

        call(bh);
        if (old & BH_ONESHOT) {
            free(bh);
        }
        if (guarded) {
            aio_guard_leave(guard);
        }
        return old & BH_HURRY;
    }
    if (guarded) {
        aio_guard_leave(bh->guard);
    }
    if (old & BH_DELETED) {
        free(bh);
    }
    return false;
}

bool aio_bhs_run(struct aio_context *ctx)
{
    ck_stack_entry_t *taken = aio_stack_take(&ctx->bhs);
    uint64_t seq = ++ctx->bh_seq;
    bool progress = false;

    for (; taken; taken = taken->next) {
        struct aio_bh *bh = bh_of(taken);

        bh->seq = seq;
        if (ctx->bh_tail) {
            ctx->bh_tail->link.next = taken;
        } else {
            ctx->bh_head = bh;
        }
        ctx->bh_tail = bh;
    }
    /* A nested round takes later ones, and also runs what is left of ours. */
    while (ctx->bh_head && ctx->bh_head->seq <= seq) {
        struct aio_bh *bh = ctx->bh_head;

        ctx->bh_head = bh_next(bh);
        if (!ctx->bh_head) {
            ctx->bh_tail = NULL;
        }
        progress |= run_one(bh);
    }
    return progress;
}

int64_t aio_bhs_timeout_ns(struct aio_context *ctx)
{
    int64_t timeout = -1;

    if (ctx->bh_head) {
        return 0;
    }
    if (aio_stack_empty(&ctx->bhs)) {
        return -1;
    }
    for (ck_stack_entry_t *link = aio_stack_peek(&ctx->bhs); link; link = link->next) {
        unsigned flags = atomic_load_explicit(&bh_of(link)->flags, memory_order_relaxed);

        if (flags & (BH_HURRY | BH_DELETED)) {
            return 0;
        }
        if (flags & BH_SCHEDULED) {
            timeout = IDLE_NS;
        }
    }
    return timeout;
}

void aio_bhs_free_all(struct aio_context *ctx)
{
    for (ck_stack_entry_t *link = aio_stack_take(&ctx->bhs), *next; link; link = next) {
        struct aio_bh *bh = bh_of(link);
        unsigned flags = atomic_load_explicit(&bh->flags, memory_order_relaxed);

        next = link->next;
        if ((flags & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED) {
            aio_bug("context %s is freed with the bottom half %s scheduled", ctx->name, bh->name);
        }
        if (flags & BH_DELETED) {
            free(bh);
        }
    }
}
