/* The loop itself: bottom halves, and events between threads. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/aio.h"
#include "aio/bh.h"
#include "aio_subjects.h"

#define BATCH 256

static struct aio_context *context_new(enum aio_monitor monitor)
{
    struct aio_context *ctx;
    struct error err = {""};

    if (aio_context_new("bench", monitor, &ctx, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return ctx;
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static double run_bh(unsigned n)
{
    struct aio_context *ctx = context_new(AIO_MONITOR_AUTO);
    struct aio_bh *bhs[BATCH];
    unsigned runs = 0;
    double begun;

    aio_context_enter(ctx);
    for (int i = 0; i < BATCH; i++) {
        bhs[i] = aio_bh_new(ctx, count, &runs);
    }
    begun = now_ns(OWN_TIME);
    while (runs < n) {
        for (int i = 0; i < BATCH; i++) {
            aio_bh_schedule(bhs[i]);
        }
        (void)aio_poll(ctx, false);
    }
    begun = (now_ns(OWN_TIME) - begun) / runs;
    for (int i = 0; i < BATCH; i++) {
        aio_bh_delete(bhs[i]);
    }
    (void)aio_poll(ctx, false);
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    return begun;
}

static double run_bh_alone(unsigned n)
{
    struct aio_context *ctx = context_new(AIO_MONITOR_AUTO);
    unsigned runs = 0;
    struct aio_bh *bh = aio_bh_new(ctx, count, &runs);
    double begun;

    aio_context_enter(ctx);
    begun = now_ns(OWN_TIME);
    while (runs < n) {
        aio_bh_schedule(bh);
        (void)aio_poll(ctx, true);
    }
    begun = (now_ns(OWN_TIME) - begun) / n;
    aio_bh_delete(bh);
    (void)aio_poll(ctx, false);
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    return begun;
}

/* One of two threads that throw a ball, by notifiers or bottom halves. */
struct side {
    struct aio_context *ctx;
    struct event_notifier notifier;
    struct aio_bh *bh;
    struct side *other;
    unsigned catches, n;
};

static void caught(struct event_notifier *e)
{
    struct side *s = (struct side *)(void *)((char *)e - offsetof(struct side, notifier));

    if (s->catches++ < s->n) {
        event_notifier_set(&s->other->notifier);
    }
}

static void caught_bh(void *opaque)
{
    struct side *s = opaque;

    if (s->catches++ < s->n) {
        aio_bh_schedule(s->other->bh);
    }
}

static void *side_main(void *opaque)
{
    struct side *s = opaque;

    aio_context_enter(s->ctx);
    while (s->catches < s->n) {
        (void)aio_poll(s->ctx, true);
    }
    aio_context_leave(s->ctx);
    return NULL;
}

static double trip(unsigned n, enum aio_monitor monitor, bool bh)
{
    static const struct event_notifier_ops ops = {.handler = caught};
    struct side sides[2] = {{.other = &sides[1], .n = n}, {.other = &sides[0], .n = n}};
    pthread_t thread;
    double begun;

    for (int i = 0; i < 2; i++) {
        sides[i].ctx = context_new(monitor);
        sides[i].bh = aio_bh_new(sides[i].ctx, caught_bh, &sides[i]);
        if (event_notifier_init(&sides[i].notifier, false, NULL) < 0 ||
            aio_set_event_notifier(sides[i].ctx, &sides[i].notifier, 0, &ops, NULL) < 0) {
            abort();
        }
    }
    if (pthread_create(&thread, NULL, side_main, &sides[1]) != 0) {
        abort();
    }
    begun = now_ns(CLOCK_MONOTONIC);
    if (bh) {
        aio_bh_schedule(sides[1].bh);
    } else {
        event_notifier_set(&sides[1].notifier);
    }
    side_main(&sides[0]);
    pthread_join(thread, NULL);
    begun = (now_ns(CLOCK_MONOTONIC) - begun) / n;
    for (int i = 0; i < 2; i++) {
        aio_context_enter(sides[i].ctx);
        aio_clear_event_notifier(sides[i].ctx, &sides[i].notifier);
        aio_bh_delete(sides[i].bh);
        (void)aio_poll(sides[i].ctx, false);
        aio_context_leave(sides[i].ctx);
        aio_context_unref(sides[i].ctx);
        event_notifier_cleanup(&sides[i].notifier);
    }
    return begun;
}

static double run_trip_io_uring(unsigned n)
{
    return trip(n, AIO_MONITOR_IO_URING, false);
}

static double run_trip_epoll(unsigned n)
{
    return trip(n, AIO_MONITOR_EPOLL, false);
}

static double run_trip_poll(unsigned n)
{
    return trip(n, AIO_MONITOR_POLL, false);
}

static double run_async(unsigned n)
{
    return trip(n, AIO_MONITOR_AUTO, true);
}

struct echo {
    struct aio_context *ctx;
    int fd;
    bool over;
};

static void echo(void *opaque)
{
    struct echo *e = opaque;
    char buffer[4096];
    ssize_t n = read(e->fd, buffer, sizeof(buffer));

    if (n <= 0) {
        e->over = true;
    } else if (write(e->fd, buffer, (size_t)n) != n) {
        abort();
    }
}

static void *echo_main(void *opaque)
{
    struct echo *e = opaque;

    aio_context_enter(e->ctx);
    while (!e->over) {
        (void)aio_poll(e->ctx, true);
    }
    aio_clear_fd_handler(e->ctx, e->fd);
    aio_context_leave(e->ctx);
    return NULL;
}

/* A client that writes 64 bytes and waits for them. */
static double echo_with(unsigned n, enum aio_monitor monitor)
{
    static const struct aio_fd_ops ops = {.io_read = echo};
    int fds[2];
    struct echo e = {context_new(monitor), -1, false};
    char buffer[64] = "";
    pthread_t thread;
    double begun;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
        abort();
    }
    e.fd = fds[1];
    fcntl(e.fd, F_SETFL, O_NONBLOCK);
    if (aio_set_fd_handler(e.ctx, e.fd, 0, &ops, &e, NULL) < 0 ||
        pthread_create(&thread, NULL, echo_main, &e) != 0) {
        abort();
    }
    begun = now_ns(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < n; i++) {
        if (write(fds[0], buffer, sizeof(buffer)) != sizeof(buffer) ||
            read(fds[0], buffer, sizeof(buffer)) != sizeof(buffer)) {
            abort();
        }
    }
    begun = (now_ns(CLOCK_MONOTONIC) - begun) / n;
    close(fds[0]);
    pthread_join(thread, NULL);
    close(fds[1]);
    aio_context_unref(e.ctx);
    return begun;
}

static double run_echo(unsigned n)
{
    return echo_with(n, AIO_MONITOR_AUTO);
}

static double run_echo_io_uring(unsigned n)
{
    return echo_with(n, AIO_MONITOR_IO_URING);
}

static double run_async_io_uring(unsigned n)
{
    return trip(n, AIO_MONITOR_IO_URING, true);
}

static unsigned events;

static void event(struct event_notifier *e)
{
    (void)e;
    events++;
}

/* One notifier that is set and served, among others that are not. */
static double idle(unsigned n, enum aio_monitor monitor, unsigned others)
{
    static const struct event_notifier_ops ops = {.handler = event};
    struct aio_context *ctx = context_new(monitor);
    struct event_notifier *all = calloc(others + 1, sizeof(*all));
    double begun;

    if (!all) {
        abort();
    }
    aio_context_enter(ctx);
    for (unsigned i = 0; i <= others; i++) {
        if (event_notifier_init(&all[i], false, NULL) < 0 ||
            aio_set_event_notifier(ctx, &all[i], 0, &ops, NULL) < 0) {
            fprintf(stderr, "cannot have %u descriptors: raise ulimit -n\n", others);
            exit(1);
        }
    }
    (void)aio_poll(ctx, false);
    events = 0;
    begun = now_ns(OWN_TIME);
    while (events < n) {
        event_notifier_set(&all[others / 2]);
        (void)aio_poll(ctx, true);
    }
    begun = (now_ns(OWN_TIME) - begun) / n;
    for (unsigned i = 0; i <= others; i++) {
        aio_clear_event_notifier(ctx, &all[i]);
        event_notifier_cleanup(&all[i]);
    }
    (void)aio_poll(ctx, false);
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    free(all);
    return begun;
}

#define IDLE(name, monitor, others)                                                                \
    static double run_idle_##name(unsigned n)                                                      \
    {                                                                                              \
        return idle(n, monitor, others);                                                           \
    }                                                                                              \
    const struct subject mortise_idle_##name = {#name, run_idle_##name};

IDLE(epoll_10, AIO_MONITOR_EPOLL, 10)
IDLE(epoll_10000, AIO_MONITOR_EPOLL, 10000)
IDLE(io_uring_10, AIO_MONITOR_IO_URING, 10)
IDLE(io_uring_10000, AIO_MONITOR_IO_URING, 10000)
IDLE(poll_10, AIO_MONITOR_POLL, 10)
IDLE(poll_10000, AIO_MONITOR_POLL, 10000)

const struct subject mortise_bh = {"mortise", run_bh};
const struct subject mortise_bh_alone = {"mortise", run_bh_alone};
const struct subject mortise_trip_io_uring = {"mortise io_uring", run_trip_io_uring};
const struct subject mortise_trip_epoll = {"mortise epoll", run_trip_epoll};
const struct subject mortise_trip_poll = {"mortise poll", run_trip_poll};
const struct subject mortise_async = {"mortise", run_async};
const struct subject mortise_echo = {"mortise", run_echo};
const struct subject mortise_echo_io_uring = {"mortise io_uring", run_echo_io_uring};
const struct subject mortise_async_io_uring = {"mortise io_uring", run_async_io_uring};
