/* A monitor of descriptors: what ppoll, epoll and io_uring have in common. The
 * analysis does not see through these pointers, so they say who calls. */
#ifndef MORTISE_AIO_FDMON_H
#define MORTISE_AIO_FDMON_H

#include "aio/context.h"

struct fdmon_ops {
    const char *name;
    /* An eventfd need not be read to be reported again when it is set again. */
    bool edge;

    /* Both without other users of ctx. */
    int (*start)(struct aio_context *ctx, struct error *err);
    void (*stop)(struct aio_context *ctx);

    /* h->events has changed from `before`, or, if `replaces` is not NULL, h
     * takes the place of that one for the same descriptor. Any thread, under
     * handlers_lock. On failure (a negative errno) the kernel's view has not
     * changed. Going to 0 does not fail. */
    int (*update)(struct aio_context *ctx, struct aio_handler *h, unsigned before,
                  struct aio_handler *replaces) CALLED_WITH(&ctx->handlers_lock);

    /* The rest by the home thread. Waits up to timeout_ns, -1 for ever, and
     * puts what is ready on the context's list. */
    void (*wait)(struct aio_context *ctx, int64_t timeout_ns) CALLED_WITH(ctx);

    /* Whether wait would find something, told without a system call. NULL:
     * cannot tell. */
    bool (*pending)(struct aio_context *ctx) CALLED_WITH(ctx);

    /* Tells the kernel of changes that so far wait for the next wait. NULL:
     * there are none. */
    void (*flush)(struct aio_context *ctx) CALLED_WITH(ctx);

    /* Whether a removed handler is not known to the kernel any more. NULL:
     * from the update on. */
    bool (*forgotten)(struct aio_handler *h);

    /* For a loop around this one: a descriptor that is readable when something
     * is ready and changes are flushed. NULL: there is none, each handler's
     * has to be waited for. */
    int (*outer_fd)(struct aio_context *ctx);
};

extern const struct fdmon_ops fdmon_poll_ops;
extern const struct fdmon_ops fdmon_epoll_ops;
extern const struct fdmon_ops fdmon_io_uring_ops;

#endif
