/* glib's steps by hand, so that the wait can have nanoseconds and be without the
 * BQL. glib holds the locks and the order of priorities. */
#include "aio/main_loop.h"

#include <glib.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "aio/context.h"
#include "aio/glib_source.h"
#include "aio/wait.h"
#include "locks/lockdep.h"

_Static_assert(sizeof(GPollFD) == sizeof(struct pollfd), "glib polls with struct pollfd");

static struct aio_context *contexts[2] IMMUTABLE_AFTER_INIT; /* main, iohandler */
static GSource *sources[2] IMMUTABLE_AFTER_INIT;
static GArray *poll_fds GUARDED_BY(main_loop_role);
static atomic_bool quit;

/* attach and detach run on the main loop's thread, whose role their callers
 * require, and enter and leave a context each. The capability is an element of
 * an array, and is held from one to the other, for as long as the loop is there:
 * no analysis follows that. */
static void detach(int i) NO_LOCK_ANALYSIS
{
    g_source_destroy(sources[i]);
    g_source_unref(sources[i]);
    aio_context_leave(contexts[i]);
    aio_context_unref(contexts[i]);
    contexts[i] = NULL;
}

static int attach(int i, const char *name, enum aio_monitor monitor,
                  struct error *err) NO_LOCK_ANALYSIS
{
    int ret = aio_context_new(name, monitor, &contexts[i], err);

    if (ret == 0) {
        aio_context_set_wait_lock(contexts[i], &bql);
        aio_context_enter(contexts[i]);
        sources[i] = aio_get_g_source(contexts[i]);
        g_source_attach(sources[i], NULL);
    }
    return ret;
}

int main_loop_init(enum aio_monitor monitor, struct error *err)
{
    int ret = attach(0, "main", monitor, err);

    if (ret == 0) {
        ret = attach(1, "iohandler", monitor, err);
        if (ret < 0) {
            detach(0);
        }
    }
    if (ret == 0) {
        poll_fds = g_array_new(FALSE, TRUE, sizeof(GPollFD));
        aio_wait_set_main(contexts[0]);
        /* Timers at the time they are set to, not up to 50 us later. */
        prctl(PR_SET_TIMERSLACK, 1UL);
    }
    return ret;
}

void main_loop_cleanup(void)
{
    aio_wait_set_main(NULL);
    detach(1);
    detach(0);
    g_array_free(poll_fds, TRUE);
    atomic_store_explicit(&quit, false, memory_order_relaxed);
}

struct aio_context *main_loop_context(void)
{
    return contexts[0];
}

struct aio_context *main_loop_iohandler_context(void)
{
    return contexts[1];
}

/* Fills poll_fds with what glib's sources wait for; ns that they allow. */
static int64_t query(GMainContext *glib, gint priority, gint *count) REQUIRES(main_loop_role)
{
    gint timeout_ms = -1;

    for (;;) {
        *count = g_main_context_query(glib, priority, &timeout_ms,
                                      (GPollFD *)(void *)poll_fds->data, (gint)poll_fds->len);
        if (*count <= (gint)poll_fds->len) {
            return timeout_ms < 0 ? -1 : (int64_t)timeout_ms * AIO_NS_PER_MS;
        }
        g_array_set_size(poll_fds, (guint)*count);
    }
}

static int64_t timeout_of(struct aio_context *ctx)
{
    aio_context_assert_home(ctx);
    return aio_context_timeout_ns(ctx);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void wait_without_bql(int64_t timeout_ns, gint count) REQUIRES(main_loop_role, bql)
{
    struct pollfd *fds = (struct pollfd *)(void *)poll_fds->data;
    struct timespec timeout = {.tv_sec = timeout_ns / AIO_NS_PER_SEC,
                               .tv_nsec = timeout_ns % AIO_NS_PER_SEC};

    if (timeout_ns == 0) {
        (void)ppoll(fds, (nfds_t)count, &timeout, NULL);
        return;
    }
    bql_unlock();
    lockdep_may_block("waiting for events", LOCK_SITE);
    (void)ppoll(fds, (nfds_t)count, timeout_ns < 0 ? NULL : &timeout, NULL);
    bql_lock();
}

void main_loop_wait(bool nonblocking)
{
    GMainContext *glib = g_main_context_default();
    int64_t timeout = 0;
    gint priority, count;

    if (!g_main_context_acquire(glib)) {
        aio_bug("the default GMainContext is run by another thread");
    }
    g_main_context_prepare(glib, &priority);
    timeout = query(glib, priority, &count);
    if (nonblocking) {
        timeout = 0;
    } else {
        for (int i = 0; i < 2 && timeout != 0; i++) {
            timeout = sooner(timeout, timeout_of(contexts[i]));
        }
    }
    wait_without_bql(timeout, count);
    if (g_main_context_check(glib, priority, (GPollFD *)(void *)poll_fds->data, count)) {
        g_main_context_dispatch(glib);
    }
    g_main_context_release(glib);
}

void main_loop_run(void)
{
    /* Pairs with the release in main_loop_quit. */
    while (!atomic_exchange_explicit(&quit, false, memory_order_acquire)) {
        main_loop_wait(false);
    }
}

void main_loop_quit(void)
{
    atomic_store_explicit(&quit, true, memory_order_release);
    if (contexts[0]) {
        aio_notify(contexts[0]);
    }
}
