/* The monitor on io_uring(7): poll requests in a ring, so that telling the kernel
 * of changes and waiting is one system call, and looking is none.
 *
 * Only the home thread touches the ring. Others put a handler whose events have
 * changed on the context's list of changes; the home thread is woken and sends
 * requests for them before it waits again. A handler has at most one request
 * out (`armed`). One that must change while it is armed is cancelled; the end
 * of the old request puts it on the list again.
 *
 * Readiness is a level: a plain request ends with its first event, and is sent
 * again after the callback, in the same system call as the next wait; the
 * kernel then looks at once. A notifier, whose events need no clearing here,
 * has a multishot request, which stays. Without those (Linux before 5.13) a
 * notifier would be ready for ever, and we do without io_uring.
 *
 * A removed handler is freed when no request is out for it: until then the
 * ring may name it. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "aio/fdmon.h"
#include "base/log.h"

/* More requests than that are sent in several calls. */
#define RING_ENTRIES 256

#define EVENTS_AT_ONCE 128

struct io_uring_state {
    struct io_uring ring;
};

static int io_uring_start(struct aio_context *ctx, struct error *err)
{
    struct io_uring_state *s = calloc(1, sizeof(*s));
    int ret;

    if (!s) {
        return error_set(err, ENOMEM, "cannot use io_uring: out of memory");
    }
    ret = io_uring_queue_init(RING_ENTRIES, &s->ring, 0);
    if (ret == 0 && !(s->ring.features & IORING_FEAT_RSRC_TAGS)) {
        io_uring_queue_exit(&s->ring); /* before 5.13: no multishot requests */
        ret = -ENOSYS;
    }
    if (ret < 0) {
        free(s);
        return error_set(err, -ret, "cannot use io_uring: %s", error_text(-ret));
    }
    (void)io_uring_ring_dontfork(&s->ring);
    ctx->fdmon_state = s;
    return 0;
}

static void io_uring_stop(struct aio_context *ctx)
{
    struct io_uring_state *s = ctx->fdmon_state;

    io_uring_queue_exit(&s->ring);
    free(s);
}

static void note_change(struct aio_context *ctx, struct aio_handler *h)
    REQUIRES(&ctx -> handlers_lock)
{
    if (aio_link_alone(&h->change)) {
        aio_list_append(&ctx->changes, &h->change);
    }
}

static int io_uring_update(struct aio_context *ctx, struct aio_handler *h, unsigned before,
                           struct aio_handler *replaces) REQUIRES(&ctx -> handlers_lock)
{
    (void)before;
    if (replaces) {
        note_change(ctx, replaces);
    }
    note_change(ctx, h);
    return 0;
}

static struct io_uring_sqe *get_sqe(struct io_uring_state *s)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

    if (!sqe) {
        (void)io_uring_submit(&s->ring);
        sqe = io_uring_get_sqe(&s->ring);
    }
    return sqe;
}

/* False if there is no room, before completions are taken. */
static bool send_change(struct io_uring_state *s, struct aio_handler *h)
{
    unsigned events = atomic_load_explicit(&h->events, memory_order_relaxed);
    struct io_uring_sqe *sqe;

    if (!h->armed && events == 0) {
        return true;
    }
    sqe = get_sqe(s);
    if (!sqe) {
        return false;
    }
    if (h->armed) {
        io_uring_prep_poll_remove(sqe, (uint64_t)(uintptr_t)h);
        io_uring_sqe_set_data64(sqe, 0);
        return true;
    }
    if (h->edge) {
        io_uring_prep_poll_multishot(sqe, h->fd, events);
    } else {
        io_uring_prep_poll_add(sqe, h->fd, events);
    }
    io_uring_sqe_set_data(sqe, h);
    h->armed = true;
    return true;
}

/* Whether all changes found room. */
static bool send_changes(struct aio_context *ctx, struct io_uring_state *s)
{
    struct aio_link *link;
    bool room = true;

    mutex_lock(&ctx->handlers_lock);
    while (room && (link = aio_list_pop(&ctx->changes))) {
        struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, change);

        room = send_change(s, h);
        if (!room) {
            note_change(ctx, h);
        }
    }
    mutex_unlock(&ctx->handlers_lock);
    return room;
}

/* The request for h has ended with an error. */
static void request_failed(struct aio_context *ctx, struct aio_handler *h, int error)
    REQUIRES(&ctx -> handlers_lock)
{
    if (error != -ECANCELED && error != -ENOMEM) { /* else sent again, if it is still wanted */
        aio_handler_set_dead(ctx, h);
    }
}

static void complete(struct aio_context *ctx, const struct io_uring_cqe *cqe)
    REQUIRES(ctx, &ctx -> handlers_lock)
{
    struct aio_handler *h = io_uring_cqe_get_data(cqe);
    unsigned events;

    if (!h) {
        return; /* a cancellation, done or too late */
    }
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        h->armed = false;
        if (cqe->res < 0) {
            request_failed(ctx, h, cqe->res);
        }
        note_change(ctx, h);
    }
    events = atomic_load_explicit(&h->events, memory_order_relaxed);
    if (cqe->res > 0 && events != 0) {
        aio_ready_add(ctx, h, (unsigned)cqe->res & (events | POLLERR | POLLHUP | POLLRDHUP));
    }
}

static void take_completions(struct aio_context *ctx, struct io_uring_state *s) REQUIRES(ctx)
{
    struct io_uring_cqe *cqes[EVENTS_AT_ONCE];
    unsigned found;

    mutex_lock(&ctx->handlers_lock);
    do {
        found = io_uring_peek_batch_cqe(&s->ring, cqes, EVENTS_AT_ONCE);
        for (unsigned i = 0; i < found; i++) {
            complete(ctx, cqes[i]);
        }
        io_uring_cq_advance(&s->ring, found);
    } while (found == EVENTS_AT_ONCE);
    mutex_unlock(&ctx->handlers_lock);
}

static void io_uring_monitor_wait(struct aio_context *ctx, int64_t timeout_ns) REQUIRES(ctx)
{
    struct io_uring_state *s = ctx->fdmon_state;
    struct __kernel_timespec timeout = {.tv_sec = timeout_ns / AIO_NS_PER_SEC,
                                        .tv_nsec = timeout_ns % AIO_NS_PER_SEC};
    struct io_uring_cqe *cqe;
    bool room = send_changes(ctx, s);

    if (!room || timeout_ns == 0) {
        (void)io_uring_submit(&s->ring);
    } else if (timeout_ns > 0) {
        (void)io_uring_submit_and_wait_timeout(&s->ring, &cqe, 1, &timeout, NULL);
    } else {
        (void)io_uring_submit_and_wait(&s->ring, 1);
    }
    take_completions(ctx, s);
}

static bool io_uring_pending(struct aio_context *ctx) REQUIRES(ctx)
{
    struct io_uring_state *s = ctx->fdmon_state;

    return io_uring_cq_ready(&s->ring) > 0 || io_uring_cq_has_overflow(&s->ring);
}

static void io_uring_flush(struct aio_context *ctx) REQUIRES(ctx)
{
    struct io_uring_state *s = ctx->fdmon_state;

    (void)send_changes(ctx, s);
    if (io_uring_sq_ready(&s->ring) > 0) {
        (void)io_uring_submit(&s->ring);
    }
}

static bool io_uring_forgotten(struct aio_handler *h)
{
    return !h->armed && aio_link_alone(&h->change);
}

static int io_uring_outer_fd(struct aio_context *ctx)
{
    return ((struct io_uring_state *)ctx->fdmon_state)->ring.ring_fd;
}

const struct fdmon_ops fdmon_io_uring_ops = {
    .name = "io_uring",
    .edge = true,
    .start = io_uring_start,
    .stop = io_uring_stop,
    .update = io_uring_update,
    .wait = io_uring_monitor_wait,
    .pending = io_uring_pending,
    .flush = io_uring_flush,
    .forgotten = io_uring_forgotten,
    .outer_fd = io_uring_outer_fd,
};
