/* What the files of this room know of a context. */
#ifndef MORTISE_AIO_CONTEXT_H
#define MORTISE_AIO_CONTEXT_H

#include <ck_stack.h>
#include <stdatomic.h>

#include "aio/aio.h"
#include "aio/bh.h"
#include "aio/clock.h"
#include "aio/list.h"
#include "locks/mutex.h"

struct fdmon_ops;
struct timer_heap_node;
struct thread_pool;

/* One registration of a descriptor. Written by whoever registers, before it is
 * linked; freed by the home thread, when no round is under way and the
 * monitor has let go of it. */
struct aio_handler {
    int fd IMMUTABLE_AFTER_INIT;
    unsigned flags IMMUTABLE_AFTER_INIT; /* enum aio_handler_flags */
    bool edge IMMUTABLE_AFTER_INIT;      /* an eventfd that the loop clears */
    bool internal IMMUTABLE_AFTER_INIT;  /* the context's own */
    unsigned want IMMUTABLE_AFTER_INIT;  /* POLLIN, POLLOUT: what its callbacks are for */
    struct aio_fd_ops ops IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT; /* of ops; the handler itself for a notifier */
    struct event_notifier *notifier IMMUTABLE_AFTER_INIT;
    struct event_notifier_ops notifier_ops IMMUTABLE_AFTER_INIT;
    uint32_t generation IMMUTABLE_AFTER_INIT; /* tells it from others of the same fd */

    /* Under handlers_lock. */
    struct aio_link link;                          /* in handlers or dead */
    struct aio_link change;                        /* in the monitor's list of changes */
    bool closed OWNED_BY(holder of handlers_lock); /* found to be closed: silent for good */

    /* What is watched now: want, or 0 while silent, dead or removed. Written
     * under handlers_lock, read by the home thread without. */
    atomic_uint events;
    atomic_bool removed;
    atomic_bool disabled; /* external, while those are */

    /* The rest is the home thread's. */
    struct aio_link ready; /* in the context's list */
    unsigned revents OWNED_BY(home);
    bool poll_ready OWNED_BY(home);
    bool poll_begun OWNED_BY(home);
    bool armed OWNED_BY(home); /* io_uring: a request is out; under handlers_lock as well */
};

/* Whether none of its callbacks is to be called. */
static inline bool aio_handler_silent(const struct aio_handler *h)
{
    return atomic_load_explicit(&h->removed, memory_order_relaxed) ||
           atomic_load_explicit(&h->disabled, memory_order_relaxed) ||
           (h->want != 0 && atomic_load_explicit(&h->events, memory_order_relaxed) == 0);
}

/* Timers of one clock; timer.c. */
struct aio_timer_list {
    struct mutex lock;
    struct timer_heap_node *root GUARDED_BY(&lock);
    struct aio_link expired GUARDED_BY(&lock);
    _Atomic(int64_t) first_ns; /* INT64_MAX: none, INT64_MIN: one has expired */
};

/* Bit 0 of notify_me: a glib source has announced to sleep; the rest counts
 * sleeping rounds of aio_poll. */
#define AIO_NOTIFY_GLIB  1u
#define AIO_NOTIFY_SLEEP 2u

struct CAPABILITY("aio_context") aio_context {
    atomic_uint refs;
    char name[16] IMMUTABLE_AFTER_INIT;
    struct aio_link all;        /* in the list of contexts, under its lock */
    _Atomic(const void *) home; /* the home thread's mark, NULL: none */
    unsigned entered GUARDED_BY_STRUCT;
    struct mutex *wait_lock IMMUTABLE_AFTER_INIT; /* dropped while asleep; NULL: none */

    /* The handshake of aio_notify and aio_poll; poll.c argues it. */
    atomic_uint notify_me WRITE_GUARDED_BY_STRUCT;
    atomic_bool notified;
    struct event_notifier notifier IMMUTABLE_AFTER_INIT;

    ck_stack_t bhs; /* scheduled or deleted, not yet seen by the home thread */
    struct aio_bh *bh_head GUARDED_BY_STRUCT; /* seen, in order */
    struct aio_bh *bh_tail GUARDED_BY_STRUCT;
    uint64_t bh_seq GUARDED_BY_STRUCT;
    ck_stack_t coroutines;                        /* to be entered by co_bh */
    ck_stack_entry_t *co_first GUARDED_BY_STRUCT; /* taken from there, not yet entered */
    struct aio_bh *co_bh IMMUTABLE_AFTER_INIT;

    struct aio_timer_list timers[AIO_CLOCK_COUNT];

    struct mutex handlers_lock;
    struct aio_handler **by_fd GUARDED_BY(&handlers_lock);
    size_t by_fd_size GUARDED_BY(&handlers_lock);
    struct aio_link handlers GUARDED_BY(&handlers_lock);
    struct aio_link dead GUARDED_BY(&handlers_lock);
    struct aio_link changes GUARDED_BY(&handlers_lock); /* io_uring: to be told to the ring */
    uint32_t last_generation GUARDED_BY(&handlers_lock);
    unsigned external_disabled GUARDED_BY(&handlers_lock);
    atomic_bool have_dead WRITE_GUARDED_BY(&handlers_lock); /* a hint to look at dead */
    atomic_uint
        version WRITE_GUARDED_BY(&handlers_lock); /* moves whenever handlers or their events do */

    const struct fdmon_ops *fdmon IMMUTABLE_AFTER_INIT;
    void *fdmon_state IMMUTABLE_AFTER_INIT;  /* of the monitor */
    unsigned depth GUARDED_BY_STRUCT;        /* rounds under way */
    struct aio_link ready GUARDED_BY_STRUCT; /* found ready, callbacks not yet called */

    /* Adaptive polling; polling.c. */
    _Atomic(int64_t) poll_max_ns, poll_grow, poll_shrink;
    _Atomic(int64_t) poll_ns WRITE_GUARDED_BY_STRUCT;
    struct aio_handler **pollers GUARDED_BY_STRUCT; /* handlers with io_poll, as of poll_version */
    size_t pollers_count GUARDED_BY_STRUCT, pollers_size GUARDED_BY_STRUCT;
    bool pollable GUARDED_BY_STRUCT; /* all handlers can be looked at without sleeping */
    bool poll_begun GUARDED_BY_STRUCT;
    unsigned poll_version GUARDED_BY_STRUCT;

    _Atomic(struct thread_pool *) thread_pool
        WRITE_GUARDED_BY_STRUCT; /* made at first use by the home thread */
};

/* bh.c: runs what was scheduled before the call; whether a callback other than
 * an idle one ran. The time until one wants to run: 0, 10 ms or -1. */
bool aio_bhs_run(struct aio_context *ctx) REQUIRES(ctx);
int64_t aio_bhs_timeout_ns(struct aio_context *ctx) REQUIRES(ctx);
void aio_bhs_free_all(struct aio_context *ctx);

/* timer.c: the same for timers. */
void aio_timer_list_init(struct aio_timer_list *list);
bool aio_timers_run(struct aio_context *ctx) REQUIRES(ctx);
int64_t aio_timers_timeout_ns(struct aio_context *ctx);

/* monitor.c */
NODISCARD int aio_handlers_start(struct aio_context *ctx, enum aio_monitor monitor,
                                 struct error *err);
void aio_handlers_stop(struct aio_context *ctx);

/* handler.c. internal: not for dispatch to count as progress. */
NODISCARD int aio_handlers_add_notifier(struct aio_context *ctx, struct event_notifier *e,
                                        unsigned flags, const struct event_notifier_ops *ops,
                                        bool internal, struct error *err);
void aio_handlers_reap(struct aio_context *ctx) REQUIRES(ctx);
/* The descriptor is not watched any more; it was closed under our feet. */
void aio_handler_set_dead(struct aio_context *ctx, struct aio_handler *h)
    REQUIRES(&ctx -> handlers_lock);

/* dispatch.c: puts h on the list with what was found ready; runs the list. */
void aio_ready_add(struct aio_context *ctx, struct aio_handler *h, unsigned revents) REQUIRES(ctx);
bool aio_ready_run(struct aio_context *ctx) REQUIRES(ctx);

/* polling.c: whether something was found, or came up, while looking; then
 * there is no need to sleep. */
bool aio_polling_run(struct aio_context *ctx, int64_t timeout_ns) REQUIRES(ctx);
/* Ends a stretch of looking that has gone on since an earlier round. What the
 * other sides did meanwhile is on the list of what is ready then. */
void aio_polling_stop(struct aio_context *ctx) REQUIRES(ctx);
/* Learns from a sleep: how long it took since polling began. */
void aio_polling_adjust(struct aio_context *ctx, int64_t block_ns) REQUIRES(ctx);
bool aio_polling_possible(struct aio_context *ctx) REQUIRES(ctx);

/* For the analysis only: what is done here is the home thread's business. */
static inline void aio_context_require_home(struct aio_context *ctx) REQUIRES(ctx)
{
    (void)ctx;
}

/* poll.c: how long a sleep may be: -1 for ever. */
int64_t aio_context_timeout_ns(struct aio_context *ctx) REQUIRES(ctx);
/* Announces, with one of AIO_NOTIFY_, a sleep; false if there is a reason not
 * to. Ends it. */
bool aio_sleep_begin(struct aio_context *ctx, unsigned who) REQUIRES(ctx);
void aio_sleep_end(struct aio_context *ctx, unsigned who) REQUIRES(ctx);
/* What came before is about to be looked at. */
void aio_notify_accept(struct aio_context *ctx) REQUIRES(ctx);

/* The lock that aio_poll drops while it sleeps; before the context is used. */
void aio_context_set_wait_lock(struct aio_context *ctx, struct mutex *lock);

/* ctx.c: says what is wrong with the caller, and stops. */
_Noreturn void aio_bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* malloc that stops the process. */
void *aio_alloc(size_t size);

/* coroutine context part; aio_co.c */
void aio_co_start(struct aio_context *ctx);

/* thread_pool.c */
void aio_thread_pool_stop(struct aio_context *ctx);

#endif
