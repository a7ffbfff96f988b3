/* The handshake of a sleep, spread over glib's steps: prepare announces it,
 * check or dispatch ends it. The round itself is aio_poll, without waiting.
 *
 * A monitor that has a descriptor of its own is watched through that; for
 * poll(2) glib has to watch each handler's, and they are told to it anew in
 * prepare when handlers have changed. */
#include "aio/glib_source.h"

#include <poll.h>

#include "aio/context.h"
#include "aio/fdmon.h"
#include "base/tsan.h"

struct aio_source {
    GSource source;
    struct aio_context *ctx;
    gpointer outer;   /* glib's tag of the monitor's descriptor */
    GPtrArray *tags;  /* or of each handler's */
    unsigned version; /* of the handlers that tags are of */
};

static void watch_handlers(struct aio_source *s)
{
    struct aio_context *ctx = s->ctx;
    unsigned version = atomic_load_explicit(&ctx->version, memory_order_acquire);

    if (s->version == version) {
        return;
    }
    s->version = version;
    for (guint i = 0; i < s->tags->len; i++) {
        g_source_remove_unix_fd(&s->source, g_ptr_array_index(s->tags, i));
    }
    g_ptr_array_set_size(s->tags, 0);
    mutex_lock(&ctx->handlers_lock);
    for (struct aio_link *link = ctx->handlers.next; link != &ctx->handlers; link = link->next) {
        struct aio_handler *h = AIO_CONTAINER(link, struct aio_handler, link);
        unsigned events = atomic_load_explicit(&h->events, memory_order_relaxed);

        if (events) {
            g_ptr_array_add(s->tags, g_source_add_unix_fd(&s->source, h->fd, (GIOCondition)events));
        }
    }
    mutex_unlock(&ctx->handlers_lock);
}

static gboolean source_prepare(GSource *source, gint *timeout)
{
    struct aio_source *s = (struct aio_source *)(void *)source;
    struct aio_context *ctx = s->ctx;
    int64_t ns;

    aio_context_assert_home(ctx);
    aio_polling_stop(ctx); /* glib sleeps, and knows nothing of it */
    if (!s->outer) {
        watch_handlers(s);
    } else if (ctx->fdmon->flush) {
        ctx->fdmon->flush(ctx);
    }
    ns = aio_sleep_begin(ctx, AIO_NOTIFY_GLIB) ? aio_context_timeout_ns(ctx) : 0;
    *timeout = aio_ns_to_wait_ms(ns);
    return ns == 0;
}

static bool descriptor_ready(struct aio_source *s)
{
    if (s->outer) {
        return g_source_query_unix_fd(&s->source, s->outer) != 0;
    }
    for (guint i = 0; i < s->tags->len; i++) {
        if (g_source_query_unix_fd(&s->source, g_ptr_array_index(s->tags, i)) != 0) {
            return true;
        }
    }
    return false;
}

static gboolean source_check(GSource *source)
{
    struct aio_source *s = (struct aio_source *)(void *)source;
    struct aio_context *ctx = s->ctx;

    aio_context_assert_home(ctx);
    aio_sleep_end(ctx, AIO_NOTIFY_GLIB);
    /* An idle bottom half runs now that we are awake. */
    return atomic_load_explicit(&ctx->notified, memory_order_acquire) ||
           aio_bhs_timeout_ns(ctx) >= 0 || aio_context_timeout_ns(ctx) == 0 || descriptor_ready(s);
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    struct aio_source *s = (struct aio_source *)(void *)source;

    (void)callback, (void)data;
    aio_context_assert_home(s->ctx);
    /* Without a check, when prepare found something already. */
    aio_sleep_end(s->ctx, AIO_NOTIFY_GLIB);
    (void)aio_poll(s->ctx, false);
    return G_SOURCE_CONTINUE;
}

static void source_finalize(GSource *source)
{
    struct aio_source *s = (struct aio_source *)(void *)source;

    tsan_acquire(s);
    g_ptr_array_free(s->tags, TRUE);
    aio_context_unref(s->ctx);
}

GSource *aio_get_g_source(struct aio_context *ctx)
{
    static GSourceFuncs funcs = {
        .prepare = source_prepare,
        .check = source_check,
        .dispatch = source_dispatch,
        .finalize = source_finalize,
    };
    struct aio_source *s = (struct aio_source *)(void *)g_source_new(&funcs, sizeof(*s));

    aio_context_ref(ctx);
    s->ctx = ctx;
    s->tags = g_ptr_array_new();
    s->version = atomic_load_explicit(&ctx->version, memory_order_relaxed) - 1;
    if (ctx->fdmon->outer_fd) {
        s->outer = g_source_add_unix_fd(&s->source, ctx->fdmon->outer_fd(ctx), G_IO_IN);
    }
    /* A callback may run the GMainContext again. */
    g_source_set_can_recurse(&s->source, TRUE);
    g_source_set_name(&s->source, aio_context_name(ctx));
    tsan_release(s);
    return &s->source;
}
