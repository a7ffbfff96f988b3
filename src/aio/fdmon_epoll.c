/* The monitor on epoll(7). Changes go to the kernel at once, by whichever thread
 * makes them, and are seen by a wait that has begun.
 *
 * An event names its handler by descriptor and generation, not by address, and
 * is looked up under the lock. For the kernel may name a handler that is gone:
 * a file that was closed while it was watched, but lives on through a dup(2)
 * or in another process, stays in the set, and no descriptor is left by which
 * to take it out. Such an event makes us build the set anew. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "aio/fdmon.h"

#define EVENTS_AT_ONCE 128

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                   EPOLLHUP == POLLHUP,
               "epoll and poll events must be the same bits");

struct epoll_state {
    int fd;
    struct epoll_event events[EVENTS_AT_ONCE]; /* the home thread's */
};

static int epoll_start(struct aio_context *ctx, struct error *err)
{
    struct epoll_state *s = malloc(sizeof(*s));

    if (!s) {
        return error_set(err, ENOMEM, "cannot use epoll: out of memory");
    }
    s->fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->fd < 0) {
        int errnum = errno;

        free(s);
        return error_set(err, errnum, "cannot use epoll: %s", error_text(errnum));
    }
    ctx->fdmon_state = s;
    return 0;
}

static void epoll_stop(struct aio_context *ctx)
{
    struct epoll_state *s = ctx->fdmon_state;

    close(s->fd);
    free(s);
}

static int control(int epfd, int op, const struct aio_handler *h)
{
    unsigned events = atomic_load_explicit(&h->events, memory_order_relaxed);
    struct epoll_event event = {
        .events = events | (h->edge ? (unsigned)EPOLLET : 0u),
        .data.u64 = (uint64_t)h->generation << 32 | (uint32_t)h->fd,
    };

    return epoll_ctl(epfd, op, h->fd, &event) < 0 ? -errno : 0;
}

static int epoll_update(struct aio_context *ctx, struct aio_handler *h, unsigned before,
                        struct aio_handler *replaces)
{
    struct epoll_state *s = ctx->fdmon_state;
    unsigned events = atomic_load_explicit(&h->events, memory_order_relaxed);
    bool there = before != 0 ||
                 (replaces && atomic_load_explicit(&replaces->events, memory_order_relaxed) != 0);
    int ret;

    if (events == 0) {
        /* It may be closed, and so gone already. */
        return there ? (void)epoll_ctl(s->fd, EPOLL_CTL_DEL, h->fd, NULL), 0 : 0;
    }
    /* The number may have been closed and opened anew behind our back. */
    ret = control(s->fd, there ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, h);
    if (ret == -ENOENT) {
        ret = control(s->fd, EPOLL_CTL_ADD, h);
    } else if (ret == -EEXIST) {
        ret = control(s->fd, EPOLL_CTL_MOD, h);
    }
    return ret;
}

/* The set with only what there is, under the same number. */
static void rebuild(struct aio_context *ctx, struct epoll_state *s) REQUIRES(&ctx -> handlers_lock)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0) {
        return; /* tried again at the next event of that kind, which is at once */
    }
    if (dup3(fd, s->fd, O_CLOEXEC) < 0) {
        close(fd);
        return;
    }
    close(fd);
    for (struct aio_link *link = ctx->handlers.next; link != &ctx->handlers; link = link->next) {
        struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);

        if (atomic_load_explicit(&h->events, memory_order_relaxed) != 0 &&
            control(s->fd, EPOLL_CTL_ADD, h) < 0) {
            aio_handler_set_dead(ctx, h);
        }
    }
}

static int wait_events(struct epoll_state *s, int64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = timeout_ns / AIO_NS_PER_SEC,
                               .tv_nsec = timeout_ns % AIO_NS_PER_SEC};
    int found;

    if (timeout_ns <= 0) {
        return epoll_wait(s->fd, s->events, EVENTS_AT_ONCE, timeout_ns < 0 ? -1 : 0);
    }
    found = epoll_pwait2(s->fd, s->events, EVENTS_AT_ONCE, &timeout, NULL);
    if (found < 0 && errno == ENOSYS) {
        found = epoll_wait(s->fd, s->events, EVENTS_AT_ONCE, aio_ns_to_wait_ms(timeout_ns));
    }
    return found;
}

static void epoll_monitor_wait(struct aio_context *ctx, int64_t timeout_ns) REQUIRES(ctx)
{
    struct epoll_state *s = ctx->fdmon_state;
    unsigned version = atomic_load_explicit(&ctx->version, memory_order_acquire);
    int found = wait_events(s, timeout_ns);
    bool stale = false;

    if (found <= 0) {
        return;
    }
    mutex_lock(&ctx->handlers_lock);
    for (int i = 0; i < found; i++) {
        uint32_t fd = (uint32_t)s->events[i].data.u64;
        struct aio_handler *h = fd < ctx->by_fd_size ? ctx->by_fd[fd] : NULL;

        if (h && h->generation == s->events[i].data.u64 >> 32) {
            aio_ready_add(ctx, h, s->events[i].events);
        } else {
            stale = true;
        }
    }
    /* Unless it was cleared meanwhile; if not, it comes again. */
    if (stale && atomic_load_explicit(&ctx->version, memory_order_relaxed) == version) {
        rebuild(ctx, s);
    }
    mutex_unlock(&ctx->handlers_lock);
}

static int epoll_outer_fd(struct aio_context *ctx)
{
    return ((struct epoll_state *)ctx->fdmon_state)->fd;
}

const struct fdmon_ops fdmon_epoll_ops = {
    .name = "epoll",
    .edge = true,
    .start = epoll_start,
    .stop = epoll_stop,
    .update = epoll_update,
    .wait = epoll_monitor_wait,
    .outer_fd = epoll_outer_fd,
};
