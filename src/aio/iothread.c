/* The thread, and its two ways to run: by aio_poll alone, until somebody asks
 * for a GMainContext, and by that from then on. */
#include "aio/iothread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "aio/context.h"
#include "aio/glib_source.h"
#include "locks/event.h"
#include "locks/thread.h"

/* Rounds for what is scheduled when the thread is to end. A bottom half that
 * schedules itself for ever does not keep it. */
#define LAST_ROUNDS 1000

struct iothread {
    struct aio_context *ctx IMMUTABLE_AFTER_INIT;
    struct thread thread IMMUTABLE_AFTER_INIT;
    struct event started;
    atomic_bool stopping;
    struct mutex lock; /* of who makes the GMainContext */
    _Atomic(GMainContext *) gcontext;
    GSource *source GUARDED_BY(&lock);
};

LOCK_CLASS_DEFINE(iothread_class, RANK_LEAF);

static void run(struct iothread *io) REQUIRES(iothread_role, io -> ctx)
{
    GMainContext *gcontext = NULL;

    while (!atomic_load_explicit(&io->stopping, memory_order_acquire)) {
        /* Pairs with the release in iothread_get_g_main_context. */
        GMainContext *wanted = atomic_load_explicit(&io->gcontext, memory_order_acquire);

        if (wanted && !gcontext) {
            gcontext = wanted;
            g_main_context_push_thread_default(gcontext);
        }
        if (gcontext) {
            g_main_context_iteration(gcontext, TRUE);
        } else {
            (void)aio_poll(io->ctx, true);
        }
    }
    for (int i = 0;
         i < LAST_ROUNDS && (aio_poll(io->ctx, false) || aio_bhs_timeout_ns(io->ctx) == 0); i++) {
    }
    if (gcontext) {
        g_main_context_pop_thread_default(gcontext);
    }
}

static void *iothread_main(void *opaque)
{
    struct iothread *io = opaque;

    thread_role_enter(&iothread_role);
    aio_context_enter(io->ctx);
    /* Timers at the time they are set to, not up to 50 us later. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    event_set(&io->started);
    run(io);
    aio_context_leave(io->ctx);
    thread_role_leave(&iothread_role);
    return NULL;
}

int iothread_new(const char *name, enum aio_monitor monitor, struct iothread **out,
                 struct error *err)
{
    struct iothread *io = calloc(1, sizeof(*io));
    int ret;

    if (!io) {
        return error_set(err, ENOMEM, "cannot start I/O thread %s: out of memory", name);
    }
    event_init(&io->started);
    mutex_init(&io->lock, &iothread_class);
    ret = aio_context_new(name, monitor, &io->ctx, err);
    if (ret < 0) {
        free(io);
        return ret;
    }
    ret = thread_create(&io->thread, name, iothread_main, io, err);
    if (ret < 0) {
        aio_context_unref(io->ctx);
        free(io);
        return ret;
    }
    event_wait(&io->started);
    *out = io;
    return 0;
}

void iothread_free(struct iothread *io)
{
    GMainContext *gcontext;

    if (aio_context_is_home(io->ctx)) {
        aio_bug("I/O thread %s is freed by itself", aio_context_name(io->ctx));
    }
    /* release: what the caller did before is seen by the last rounds. */
    atomic_store_explicit(&io->stopping, true, memory_order_release);
    aio_notify(io->ctx);
    thread_join(&io->thread);
    mutex_lock(&io->lock);
    gcontext = atomic_load_explicit(&io->gcontext, memory_order_relaxed);
    if (gcontext) {
        g_source_destroy(io->source);
        g_source_unref(io->source);
        g_main_context_unref(gcontext);
    }
    mutex_unlock(&io->lock);
    aio_context_unref(io->ctx);
    free(io);
}

struct aio_context *iothread_get_aio_context(struct iothread *io)
{
    return io->ctx;
}

GMainContext *iothread_get_g_main_context(struct iothread *io)
{
    GMainContext *gcontext;

    mutex_lock(&io->lock);
    gcontext = atomic_load_explicit(&io->gcontext, memory_order_relaxed);
    if (!gcontext) {
        gcontext = g_main_context_new();
        io->source = aio_get_g_source(io->ctx);
        g_source_attach(io->source, gcontext);
        atomic_store_explicit(&io->gcontext, gcontext, memory_order_release);
        aio_notify(io->ctx);
    }
    mutex_unlock(&io->lock);
    return gcontext;
}

int iothread_set_poll_params(struct iothread *io, int64_t max_ns, int64_t grow, int64_t shrink,
                             struct error *err)
{
    return aio_context_set_poll_params(io->ctx, max_ns, grow, shrink, err);
}

int iothread_set_affinity(struct iothread *io, const cpu_set_t *cpus, struct error *err)
{
    int ret = pthread_setaffinity_np(io->thread.handle, sizeof(*cpus), cpus);

    if (ret) {
        return error_set(err, ret, "cannot bind I/O thread %s to host CPUs: %s",
                         aio_context_name(io->ctx), error_text(ret));
    }
    return 0;
}
