/* The registrations of a context. There is one per descriptor, found through a
 * table; a new one takes an old one's place in one step, under the lock.
 *
 * Removal. A handler may be removed by any thread while the home thread stands
 * in it, or has it on a list of what is ready. So removing only marks it, tells
 * the monitor, and moves it to the list of the dead; the home thread frees the
 * dead between rounds, when it is in no hands and on no stack, once the monitor
 * says that the kernel will not name them again. The home thread calls no
 * callback of a handler that is marked. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "aio/context.h"
#include "aio/fdmon.h"
#include "base/log.h"

/* The list or what is watched has changed. Before the lock is released: the home
 * thread, which holds it when it frees the dead, then knows that arrays which
 * name them are out of date. */
static void version_move(struct aio_context *ctx) REQUIRES(&ctx -> handlers_lock)
{
    atomic_fetch_add_explicit(&ctx->version, 1, memory_order_release);
}

/* Has the home thread look at the version. */
static void tell_home(struct aio_context *ctx)
{
    if (!aio_context_is_home(ctx)) {
        aio_notify(ctx);
    }
}

static int check_descriptor(int fd, struct error *err)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        int errnum = fd < 0 ? EBADF : errno;

        return error_set(err, errnum, "cannot watch descriptor %d: %s", fd, error_text(errnum));
    }
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
        return error_set(err, EPERM, "cannot watch descriptor %d: a file on disk is always ready",
                         fd);
    }
    return 0;
}

static bool table_grow(struct aio_context *ctx, int fd) REQUIRES(&ctx -> handlers_lock)
{
    size_t size = ctx->by_fd_size ? ctx->by_fd_size : 64;
    struct aio_handler **table;

    while (size <= (size_t)fd) {
        size *= 2;
    }
    if (size == ctx->by_fd_size) {
        return true;
    }
    table = realloc(ctx->by_fd, size * sizeof(*table));
    if (!table) {
        return false;
    }
    memset(table + ctx->by_fd_size, 0, (size - ctx->by_fd_size) * sizeof(*table));
    ctx->by_fd = table;
    ctx->by_fd_size = size;
    return true;
}

static struct aio_handler *table_get(struct aio_context *ctx, int fd)
    REQUIRES(&ctx -> handlers_lock)
{
    return fd >= 0 && (size_t)fd < ctx->by_fd_size ? ctx->by_fd[fd] : NULL;
}

static unsigned wanted(const struct aio_fd_ops *ops)
{
    return (ops->io_read ? POLLIN : 0u) | (ops->io_write ? POLLOUT : 0u);
}

/* h is in nobody's way any more. */
static void bury(struct aio_context *ctx, struct aio_handler *h) REQUIRES(&ctx -> handlers_lock)
{
    atomic_store_explicit(&h->events, 0, memory_order_relaxed);
    atomic_store_explicit(&h->removed, true, memory_order_relaxed);
    aio_link_remove(&h->link);
    aio_list_append(&ctx->dead, &h->link);
    if (aio_context_is_home(ctx)) {
        aio_link_remove(&h->ready);
    }
    atomic_store_explicit(&ctx->have_dead, true, memory_order_relaxed);
}

/* Links h, which then belongs to ctx, or fails and leaves it to the caller. */
static int install(struct aio_context *ctx, struct aio_handler *h, struct error *err)
    REQUIRES(&ctx -> handlers_lock)
{
    struct aio_handler *old;
    bool silent = (h->flags & AIO_EXTERNAL) && ctx->external_disabled > 0;
    int ret;

    if (!table_grow(ctx, h->fd)) {
        return error_set(err, ENOMEM, "cannot watch descriptor %d: out of memory", h->fd);
    }
    old = table_get(ctx, h->fd);
    h->generation = ++ctx->last_generation;
    atomic_store_explicit(&h->disabled, silent, memory_order_relaxed);
    atomic_store_explicit(&h->events, silent ? 0 : h->want, memory_order_relaxed);
    ret = ctx->fdmon->update(ctx, h, 0, old);
    if (ret < 0) {
        return error_set(err, -ret, "cannot watch descriptor %d with %s: %s", h->fd,
                         ctx->fdmon->name, error_text(-ret));
    }
    if (old) {
        bury(ctx, old);
    }
    ctx->by_fd[h->fd] = h;
    aio_list_append(&ctx->handlers, &h->link);
    version_move(ctx);
    return 0;
}

static int add(struct aio_context *ctx, const struct aio_handler *like, struct error *err)
{
    struct aio_handler *h;
    int ret = check_descriptor(like->fd, err);

    if (ret < 0) {
        return ret;
    }
    h = malloc(sizeof(*h));
    if (!h) {
        return error_set(err, ENOMEM, "cannot watch descriptor %d: out of memory", like->fd);
    }
    *h = *like;
    h->want = wanted(&h->ops);
    if (h->notifier) {
        h->opaque = h;
    }
    aio_link_init(&h->link);
    aio_link_init(&h->change);
    aio_link_init(&h->ready);
    mutex_lock(&ctx->handlers_lock);
    ret = install(ctx, h, err);
    mutex_unlock(&ctx->handlers_lock);
    if (ret < 0) {
        free(h);
        return ret;
    }
    tell_home(ctx);
    return 0;
}

int aio_set_fd_handler(struct aio_context *ctx, int fd, unsigned flags,
                       const struct aio_fd_ops *ops, void *opaque, struct error *err)
{
    const struct aio_handler like = {.fd = fd, .flags = flags, .ops = *ops, .opaque = opaque};

    return add(ctx, &like, err);
}

void aio_clear_fd_handler(struct aio_context *ctx, int fd)
{
    struct aio_handler *h;

    mutex_lock(&ctx->handlers_lock);
    h = table_get(ctx, fd);
    if (h) {
        unsigned before = atomic_load_explicit(&h->events, memory_order_relaxed);

        ctx->by_fd[fd] = NULL;
        bury(ctx, h);
        (void)ctx->fdmon->update(ctx, h, before, NULL);
        version_move(ctx);
    }
    mutex_unlock(&ctx->handlers_lock);
    if (h) {
        tell_home(ctx);
    }
}

static void notifier_read(void *opaque)
{
    struct aio_handler *h = opaque;

    h->notifier_ops.handler(h->notifier);
}

static bool notifier_poll(void *opaque)
{
    struct aio_handler *h = opaque;

    return h->notifier_ops.io_poll(h->notifier);
}

static void notifier_poll_ready(void *opaque)
{
    struct aio_handler *h = opaque;

    h->notifier_ops.io_poll_ready(h->notifier);
}

static void notifier_poll_begin(void *opaque)
{
    struct aio_handler *h = opaque;

    h->notifier_ops.io_poll_begin(h->notifier);
}

static void notifier_poll_end(void *opaque)
{
    struct aio_handler *h = opaque;

    h->notifier_ops.io_poll_end(h->notifier);
}

int aio_handlers_add_notifier(struct aio_context *ctx, struct event_notifier *e, unsigned flags,
                              const struct event_notifier_ops *ops, bool internal,
                              struct error *err)
{
    const struct aio_handler like = {
        .fd = event_notifier_get_fd(e),
        .flags = flags,
        .edge = true,
        .internal = internal,
        .ops =
            {
                .io_read = notifier_read,
                .io_poll = ops->io_poll ? notifier_poll : NULL,
                .io_poll_ready = ops->io_poll_ready ? notifier_poll_ready : NULL,
                .io_poll_begin = ops->io_poll_begin ? notifier_poll_begin : NULL,
                .io_poll_end = ops->io_poll_end ? notifier_poll_end : NULL,
            },
        .notifier = e,
        .notifier_ops = *ops,
    };

    return add(ctx, &like, err);
}

int aio_set_event_notifier(struct aio_context *ctx, struct event_notifier *e, unsigned flags,
                           const struct event_notifier_ops *ops, struct error *err)
{
    return aio_handlers_add_notifier(ctx, e, flags, ops, false, err);
}

void aio_clear_event_notifier(struct aio_context *ctx, struct event_notifier *e)
{
    aio_clear_fd_handler(ctx, event_notifier_get_fd(e));
}

void aio_handler_set_dead(struct aio_context *ctx, struct aio_handler *h)
{
    if (!h->closed) {
        if (log_on(LOG_AIO)) {
            log_printf("aio: %s: descriptor %d was closed while it was watched\n", ctx->name,
                       h->fd);
        }
        h->closed = true;
        atomic_store_explicit(&h->events, 0, memory_order_relaxed);
        version_move(ctx);
    }
}

/* Silences h, or not any more. */
static void set_disabled(struct aio_context *ctx, struct aio_handler *h, bool disabled)
    REQUIRES(&ctx -> handlers_lock)
{
    unsigned before = atomic_load_explicit(&h->events, memory_order_relaxed);
    unsigned events = disabled ? 0 : h->want;

    atomic_store_explicit(&h->disabled, disabled, memory_order_relaxed);
    if (h->closed || before == events) {
        return;
    }
    atomic_store_explicit(&h->events, events, memory_order_relaxed);
    if (ctx->fdmon->update(ctx, h, before, NULL) < 0) {
        aio_handler_set_dead(ctx, h);
    }
}

void aio_disable_external(struct aio_context *ctx)
{
    mutex_lock(&ctx->handlers_lock);
    if (ctx->external_disabled++ == 0) {
        for (struct aio_link *link = ctx->handlers.next; link != &ctx->handlers;
             link = link->next) {
            struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);

            if (h->flags & AIO_EXTERNAL) {
                set_disabled(ctx, h, true);
            }
        }
    }
    version_move(ctx);
    mutex_unlock(&ctx->handlers_lock);
    tell_home(ctx);
}

void aio_enable_external(struct aio_context *ctx)
{
    mutex_lock(&ctx->handlers_lock);
    if (ctx->external_disabled == 0) {
        aio_bug("event loop %s: external handlers are enabled too often", ctx->name);
    }
    if (--ctx->external_disabled == 0) {
        for (struct aio_link *link = ctx->handlers.next; link != &ctx->handlers;
             link = link->next) {
            struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);

            if (h->flags & AIO_EXTERNAL) {
                set_disabled(ctx, h, false);
            }
        }
    }
    version_move(ctx);
    mutex_unlock(&ctx->handlers_lock);
    tell_home(ctx);
}

bool aio_external_disabled(struct aio_context *ctx)
{
    bool disabled;

    mutex_lock(&ctx->handlers_lock);
    disabled = ctx->external_disabled > 0;
    mutex_unlock(&ctx->handlers_lock);
    return disabled;
}

void aio_handlers_reap(struct aio_context *ctx)
{
    struct aio_link *link, *next;

    if (!atomic_load_explicit(&ctx->have_dead, memory_order_relaxed)) {
        return;
    }
    mutex_lock(&ctx->handlers_lock);
    for (link = ctx->dead.next; link != &ctx->dead; link = next) {
        struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);

        next = link->next;
        if (!ctx->fdmon->forgotten || ctx->fdmon->forgotten(h)) {
            aio_link_remove(&h->link);
            aio_link_remove(&h->ready);
            free(h);
        }
    }
    atomic_store_explicit(&ctx->have_dead, !aio_link_alone(&ctx->dead), memory_order_relaxed);
    mutex_unlock(&ctx->handlers_lock);
}
