/* Choosing the monitor of a context: by name, and by what the kernel lets us
 * have. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aio/context.h"
#include "aio/fdmon.h"
#include "base/log.h"

int aio_monitor_parse(const char *text, enum aio_monitor *monitor, struct error *err)
{
    static const char *const names[] = {
        [AIO_MONITOR_AUTO] = "auto",
        [AIO_MONITOR_POLL] = "poll",
        [AIO_MONITOR_EPOLL] = "epoll",
        [AIO_MONITOR_IO_URING] = "io_uring",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *monitor = (enum aio_monitor)i;
            return 0;
        }
    }
    return error_set(err, EINVAL,
                     "no way to wait for descriptors is called \"%s\"; there are auto, poll, "
                     "epoll, io_uring",
                     text);
}

/* The context's own notifier only ends a sleep. */
static void notifier_seen(struct event_notifier *e)
{
    (void)e;
}

/* The monitors to try for a wish, best first. */
static const struct fdmon_ops *const *candidates(enum aio_monitor monitor)
{
    static const struct fdmon_ops *const all[] = {&fdmon_io_uring_ops, &fdmon_epoll_ops,
                                                  &fdmon_poll_ops, NULL};

    switch (monitor) {
    case AIO_MONITOR_POLL:
        return &all[2];
    case AIO_MONITOR_IO_URING:
        return &all[0];
    default:
        return &all[1]; /* measured no slower than io_uring, and simpler */
    }
}

/* Whether a monitor can be had, and watches the context's own notifier. */
static int start(struct aio_context *ctx, const struct fdmon_ops *fdmon, struct error *err)
{
    static const struct event_notifier_ops ops = {.handler = notifier_seen};
    int ret;

    ctx->fdmon = fdmon;
    ret = fdmon->start(ctx, err);
    if (ret == 0) {
        ret = aio_handlers_add_notifier(ctx, &ctx->notifier, 0, &ops, true, err);
        if (ret < 0) {
            fdmon->stop(ctx);
        }
    }
    return ret;
}

/* Nobody else uses ctx. */
int aio_handlers_start(struct aio_context *ctx PRIVATE_OBJECT, enum aio_monitor monitor,
                       struct error *err) NO_THREAD_SAFETY_ANALYSIS
{
    int ret = -ENOSYS;

    for (const struct fdmon_ops *const *try = candidates(monitor); *try; try++) {
        struct error why = {""};

        ret = start(ctx, *try, &why);
        if (ret == 0) {
            return 0;
        }
        if (err) {
            *err = why;
        }
        if (log_on(LOG_AIO)) {
            log_printf("aio: %s: %s\n", ctx->name, why.text);
        }
    }
    free(ctx->by_fd);
    return ret;
}

/* Nobody else uses ctx. */
void aio_handlers_stop(struct aio_context *ctx PRIVATE_OBJECT) NO_THREAD_SAFETY_ANALYSIS
{
    struct aio_link *link;

    aio_clear_event_notifier(ctx, &ctx->notifier);
    if (!aio_link_alone(&ctx->handlers)) {
        aio_bug("event loop %s is freed while descriptor %d is watched", ctx->name,
                AIO_CONTAINER(ctx->handlers.next, struct aio_handler, link)->fd);
    }
    ctx->fdmon->stop(ctx);
    while ((link = aio_list_pop(&ctx->dead))) {
        free(AIO_CONTAINER(link, struct aio_handler, link));
    }
    free(ctx->by_fd);
}

const char *aio_context_monitor_name(const struct aio_context *ctx)
{
    return ctx->fdmon->name;
}
