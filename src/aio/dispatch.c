/* Running the callbacks of what was found ready. All rounds of a context share
 * one list: a nested round goes on where the outer one stopped, and does not
 * sleep while something is left on it, since a notifier that was reported is
 * not reported again. Only the home thread is here. */
#include <poll.h>

#include "aio/context.h"
#include "aio/fdmon.h"
#include "aio/trace.h"

void aio_ready_add(struct aio_context *ctx, struct aio_handler *h, unsigned revents)
{
    h->revents |= revents;
    aio_link_remove(&h->ready);
    aio_list_append(&ctx->ready, &h->ready);
}

static bool dispatch(struct aio_context *ctx, struct aio_handler *h)
{
    unsigned revents = h->revents;
    bool poll_ready = h->poll_ready;
    bool progress = false;
    uint64_t begun;

    h->revents = 0;
    h->poll_ready = false;
    if (aio_handler_silent(h)) {
        return false;
    }
    begun = aio_trace_begin();
    if (h->edge && !ctx->fdmon->edge && (revents & POLLIN)) {
        (void)event_notifier_test_and_clear(h->notifier);
    }
    if (poll_ready && h->ops.io_poll_ready) {
        h->ops.io_poll_ready(h->opaque);
        progress = true;
    }
    if ((revents & (POLLIN | POLLHUP | POLLERR | POLLRDHUP)) && h->ops.io_read &&
        !aio_handler_silent(h)) {
        h->ops.io_read(h->opaque);
        progress = !h->internal;
    }
    if ((revents & (POLLOUT | POLLERR)) && h->ops.io_write && !aio_handler_silent(h)) {
        h->ops.io_write(h->opaque);
        progress = true;
    }
    if (progress) {
        aio_trace_end_value(AIO_TRACE_HANDLER, ctx, "fd", h->fd, begun);
    }
    return progress;
}

bool aio_ready_run(struct aio_context *ctx)
{
    struct aio_link *link;
    bool progress = false;

    while ((link = aio_list_pop(&ctx->ready))) {
        progress |= dispatch(ctx, AIO_CONTAINER(link, struct aio_handler, ready));
    }
    return progress;
}
