/* The monitor that works everywhere: ppoll(2) over an array that is made anew
 * whenever handlers have changed. The home thread alone uses the array, and
 * frees a handler only between rounds, so the array's pointers live for as
 * long as it is current. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aio/fdmon.h"

struct poll_state {
    struct pollfd *fds;
    struct aio_handler **handlers; /* of the same index */
    size_t count, size;
    unsigned version; /* of the context's handlers */
};

static int poll_start(struct aio_context *ctx, struct error *err)
{
    struct poll_state *s = calloc(1, sizeof(*s));

    if (!s) {
        return error_set(err, ENOMEM, "cannot use poll: out of memory");
    }
    s->version = atomic_load_explicit(&ctx->version, memory_order_relaxed) - 1;
    ctx->fdmon_state = s;
    return 0;
}

static void poll_stop(struct aio_context *ctx)
{
    struct poll_state *s = ctx->fdmon_state;

    free(s->fds);
    free(s->handlers);
    free(s);
}

/* The version tells. */
static int poll_update(struct aio_context *ctx, struct aio_handler *h, unsigned before,
                       struct aio_handler *replaces)
{
    (void)ctx, (void)h, (void)before, (void)replaces;
    return 0;
}

static bool grow(struct poll_state *s)
{
    size_t size = s->size ? s->size * 2 : 16;
    struct pollfd *fds = realloc(s->fds, size * sizeof(*fds));
    struct aio_handler **handlers;

    if (!fds) {
        return false;
    }
    s->fds = fds;
    handlers = realloc(s->handlers, size * sizeof(struct aio_handler *));
    if (!handlers) {
        return false;
    }
    s->handlers = handlers;
    s->size = size;
    return true;
}

static void refresh(struct aio_context *ctx, struct poll_state *s)
{
    unsigned version = atomic_load_explicit(&ctx->version, memory_order_acquire);

    if (s->version == version) {
        return;
    }
    s->version = version;
    s->count = 0;
    mutex_lock(&ctx->handlers_lock);
    for (struct aio_link *link = ctx->handlers.next; link != &ctx->handlers; link = link->next) {
        struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);
        unsigned events = atomic_load_explicit(&h->events, memory_order_relaxed);

        if (events == 0) {
            continue;
        }
        if (s->count == s->size && !grow(s)) {
            s->version--; /* again next time; memory may be there then */
            break;
        }
        s->fds[s->count] = (struct pollfd){.fd = h->fd, .events = (short)events};
        s->handlers[s->count++] = h;
    }
    mutex_unlock(&ctx->handlers_lock);
}

static void poll_wait(struct aio_context *ctx, int64_t timeout_ns) REQUIRES(ctx)
{
    struct poll_state *s = ctx->fdmon_state;
    struct timespec timeout = {.tv_sec = timeout_ns / AIO_NS_PER_SEC,
                               .tv_nsec = timeout_ns % AIO_NS_PER_SEC};
    int found;

    refresh(ctx, s);
    found = ppoll(s->fds, s->count, timeout_ns < 0 ? NULL : &timeout, NULL);
    for (size_t i = 0; found > 0 && i < s->count; i++) {
        unsigned revents = (unsigned)(unsigned short)s->fds[i].revents;

        if (!revents) {
            continue;
        }
        found--;
        if (revents & POLLNVAL) {
            mutex_lock(&ctx->handlers_lock);
            aio_handler_set_dead(ctx, s->handlers[i]);
            mutex_unlock(&ctx->handlers_lock);
        } else {
            aio_ready_add(ctx, s->handlers[i], revents);
        }
    }
}

const struct fdmon_ops fdmon_poll_ops = {
    .name = "poll",
    .start = poll_start,
    .stop = poll_stop,
    .update = poll_update,
    .wait = poll_wait,
};
