/* Timers of a context: per clock a heap of the armed ones and a list of those
 * whose time has come, both under one lock.
 *
 * A run moves what is due from the heap to the list and then takes one after
 * the other from the list, dropping the lock for its callback. So a timer that
 * is deleted or moved before its turn does not run, one that is re-armed in
 * the past waits for the next run, and a nested run goes on where the outer
 * one stopped. Who arms a timer that comes first wakes the home thread; the
 * others need not. */
#include "aio/timer.h"

#include "aio/context.h"
#include "aio/trace.h"

LOCK_CLASS_DEFINE(aio_timers_class, RANK_LEAF);

static struct aio_timer *timer_of(struct timer_heap_node *node)
{
    return AIO_CONTAINER(node, struct aio_timer, node);
}

static struct aio_timer_list *list_of(struct aio_timer *t)
{
    return &t->ctx->timers[t->clock];
}

void aio_timer_list_init(struct aio_timer_list *list PRIVATE_OBJECT) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_init(&list->lock, &aio_timers_class);
    list->root = NULL;
    aio_link_init(&list->expired);
    atomic_init(&list->first_ns, INT64_MAX);
}

void aio_timer_init(struct aio_timer *t, struct aio_context *ctx, enum aio_clock clock,
                    aio_timer_fn *cb, void *opaque)
{
    *t = (struct aio_timer){.ctx = ctx, .clock = clock, .cb = cb, .opaque = opaque};
    aio_link_init(&t->expired);
}

/* What other threads see without the lock: a hint for the home thread, which
 * is woken whenever it must look again. */
static void publish_first(struct aio_timer_list *list) REQUIRES(&list -> lock)
{
    int64_t first = !aio_link_alone(&list->expired) ? INT64_MIN
                    : list->root                    ? list->root->key
                                                    : INT64_MAX;

    if (atomic_load_explicit(&list->first_ns, memory_order_relaxed) != first) {
        atomic_store_explicit(&list->first_ns, first, memory_order_relaxed);
    }
}

static void disarm(struct aio_timer_list *list, struct aio_timer *t) REQUIRES(&list -> lock)
{
    if (t->state == AIO_TIMER_ARMED) {
        list->root = timer_heap_remove(list->root, &t->node);
    } else if (t->state == AIO_TIMER_EXPIRED) {
        aio_link_remove(&t->expired);
    }
    t->state = AIO_TIMER_IDLE;
}

/* Its timers are run by who keeps the clock. */
static bool is_kept(enum aio_clock clock)
{
    return clock == AIO_CLOCK_VIRTUAL && aio_clock_virtual_keeper();
}

static void arm(struct aio_timer *t, int64_t expire_ns, bool only_earlier)
{
    struct aio_timer_list *list = list_of(t);
    bool first = false;

    mutex_lock(&list->lock);
    if (!only_earlier || t->state == AIO_TIMER_IDLE ||
        (t->state == AIO_TIMER_ARMED && t->node.key > expire_ns)) {
        disarm(list, t);
        t->node.key = expire_ns < 0 ? 0 : expire_ns;
        list->root = timer_heap_insert(list->root, &t->node);
        t->state = AIO_TIMER_ARMED;
        first = list->root == &t->node;
        publish_first(list);
    }
    mutex_unlock(&list->lock);
    if (first && is_kept(t->clock)) {
        aio_clock_virtual_keeper()->timer_set();
    } else if (first && !aio_context_is_home(t->ctx)) {
        aio_notify(t->ctx);
    }
}

void aio_timer_mod(struct aio_timer *t, int64_t expire_ns)
{
    arm(t, expire_ns, false);
}

void aio_timer_mod_anticipate(struct aio_timer *t, int64_t expire_ns)
{
    arm(t, expire_ns, true);
}

void aio_timer_del(struct aio_timer *t)
{
    struct aio_timer_list *list = list_of(t);

    mutex_lock(&list->lock);
    disarm(list, t);
    publish_first(list);
    mutex_unlock(&list->lock);
}

int64_t aio_timer_expire_ns(struct aio_timer *t)
{
    struct aio_timer_list *list = list_of(t);
    int64_t expire = -1;

    mutex_lock(&list->lock);
    if (t->state != AIO_TIMER_IDLE) {
        expire = t->node.key;
    }
    mutex_unlock(&list->lock);
    return expire;
}

bool aio_timer_pending(struct aio_timer *t)
{
    return aio_timer_expire_ns(t) >= 0;
}

static bool clock_stands(enum aio_clock clock)
{
    return clock == AIO_CLOCK_VIRTUAL && !aio_clock_virtual_running();
}

/* Whether the context has nothing to do with the clock's timers now. */
static bool passes_over(enum aio_clock clock)
{
    return is_kept(clock) || clock_stands(clock);
}

int64_t aio_timers_timeout_ns(struct aio_context *ctx)
{
    int64_t timeout = -1;

    for (int i = 0; i < AIO_CLOCK_COUNT; i++) {
        int64_t first = atomic_load_explicit(&ctx->timers[i].first_ns, memory_order_relaxed);
        int64_t left;

        if (first == INT64_MAX || passes_over((enum aio_clock)i)) {
            continue;
        }
        left = first == INT64_MIN ? 0 : first - aio_clock_get_ns((enum aio_clock)i);
        if (left < 0) {
            left = 0;
        }
        if (timeout < 0 || left < timeout) {
            timeout = left;
        }
    }
    return timeout;
}

bool aio_timers_are_late(struct aio_context *ctx, int64_t by_ns)
{
    static const enum aio_clock clocks[] = {AIO_CLOCK_VIRTUAL, AIO_CLOCK_HOST};

    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        int64_t first =
            atomic_load_explicit(&ctx->timers[clocks[i]].first_ns, memory_order_relaxed);

        if (first != INT64_MAX && !clock_stands(clocks[i]) &&
            (first == INT64_MIN || aio_clock_get_ns(clocks[i]) - first > by_ns)) {
            return true;
        }
    }
    return false;
}

static bool run_list(struct aio_context *ctx, enum aio_clock clock)
{
    struct aio_timer_list *list = &ctx->timers[clock];
    int64_t now = aio_clock_get_ns(clock);
    struct aio_link *link;
    bool progress = false;

    mutex_lock(&list->lock);
    while (list->root && list->root->key <= now) {
        struct aio_timer *t = timer_of(list->root);

        list->root = timer_heap_remove(list->root, &t->node);
        t->state = AIO_TIMER_EXPIRED;
        aio_list_append(&list->expired, &t->expired);
    }
    while ((link = aio_list_pop(&list->expired))) {
        struct aio_timer *t = AIO_CONTAINER(link, struct aio_timer, expired);
        aio_timer_fn *cb = t->cb;
        void *opaque = t->opaque;
        int64_t late = now - t->node.key;

        /* From the unlock on the timer may be gone. */
        t->state = AIO_TIMER_IDLE;
        publish_first(list);
        mutex_unlock(&list->lock);
        aio_trace_timer(ctx, late);
        cb(opaque);
        progress = true;
        mutex_lock(&list->lock);
    }
    publish_first(list);
    mutex_unlock(&list->lock);
    return progress;
}

bool aio_timers_run(struct aio_context *ctx)
{
    bool progress = false;

    for (int i = 0; i < AIO_CLOCK_COUNT; i++) {
        enum aio_clock clock = (enum aio_clock)i;

        if (atomic_load_explicit(&ctx->timers[i].first_ns, memory_order_relaxed) != INT64_MAX &&
            !passes_over(clock)) {
            progress |= run_list(ctx, clock);
        }
    }
    return progress;
}

int64_t aio_timers_first_virtual_ns(struct aio_context *ctx)
{
    return atomic_load_explicit(&ctx->timers[AIO_CLOCK_VIRTUAL].first_ns, memory_order_relaxed);
}

void aio_timers_run_virtual(struct aio_context *ctx)
{
    if (!clock_stands(AIO_CLOCK_VIRTUAL)) {
        (void)run_list(ctx, AIO_CLOCK_VIRTUAL);
    }
}
