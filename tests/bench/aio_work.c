/* Timers, coroutines and thread pools. */
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#include "aio/coroutine.h"
#include "aio/thread_pool.h"
#include "aio/timer.h"
#include "aio_subjects.h"

#define TIMERS 10000u

static struct aio_context *context_new(void)
{
    struct aio_context *ctx;

    if (aio_context_new("bench", AIO_MONITOR_AUTO, &ctx, NULL) < 0) {
        abort();
    }
    return ctx;
}

static void count(void *opaque)
{
    ++*(unsigned *)opaque;
}

static double timers(unsigned n, bool run)
{
    struct aio_context *ctx = context_new();
    struct aio_timer *t = calloc(TIMERS, sizeof(*t));
    unsigned runs = 0, seed = 1;
    double begun;

    if (!t) {
        abort();
    }
    aio_context_enter(ctx);
    for (unsigned i = 0; i < TIMERS; i++) {
        aio_timer_init(&t[i], ctx, AIO_CLOCK_HOST, count, &runs);
    }
    begun = now_ns(OWN_TIME);
    for (unsigned done = 0; done < n; done += TIMERS) {
        int64_t now = aio_clock_get_ns(AIO_CLOCK_HOST) + (run ? 0 : AIO_NS_PER_SEC);

        for (unsigned i = 0; i < TIMERS; i++) {
            aio_timer_mod(&t[i], now + rand_r(&seed) % 8 * AIO_NS_PER_MS);
        }
        if (run) {
            while (runs < done + TIMERS) {
                (void)aio_poll(ctx, true);
            }
        } else {
            for (unsigned i = 0; i < TIMERS; i++) {
                aio_timer_del(&t[i]);
            }
        }
    }
    begun = (now_ns(OWN_TIME) - begun) / n;
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    free(t);
    return begun;
}

static double run_timer_delete(unsigned n)
{
    return timers(n, false);
}

static double run_timer_run(unsigned n)
{
    return timers(n, true);
}

static void yield_for_ever(void *opaque)
{
    while (!*(volatile bool *)opaque) {
        coroutine_yield();
    }
}

static double run_coroutine(unsigned n)
{
    volatile bool over = false;
    struct coroutine *co = coroutine_create(yield_for_ever, (void *)(uintptr_t)&over);
    double begun = now_ns(OWN_TIME);

    for (unsigned i = 0; i < n / 2; i++) {
        coroutine_enter(co);
    }
    begun = (now_ns(OWN_TIME) - begun) / n;
    over = true;
    coroutine_enter(co);
    return begun;
}

static ucontext_t here, there;

static void swap_back(void)
{
    for (;;) {
        swapcontext(&there, &here);
    }
}

static double run_swapcontext(unsigned n)
{
    static char stack[65536];
    double begun;

    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof(stack);
    makecontext(&there, swap_back, 0);
    begun = now_ns(OWN_TIME);
    for (unsigned i = 0; i < n / 2; i++) {
        swapcontext(&here, &there);
    }
    return (now_ns(OWN_TIME) - begun) / n;
}

#define POOL_BATCH   500u
#define POOL_WORKERS 2

static int work(void *arg)
{
    *(uintptr_t *)arg += 1;
    return 0;
}

static void done(void *opaque, int ret)
{
    (void)ret;
    ++*(unsigned *)opaque;
}

static double run_pool(unsigned n)
{
    static uintptr_t data[POOL_BATCH];
    struct aio_context *ctx = context_new();
    unsigned completed = 0;
    double begun;

    aio_context_enter(ctx);
    if (thread_pool_set_params(aio_get_thread_pool(ctx), 0, POOL_WORKERS, AIO_NS_PER_SEC, NULL) <
        0) {
        abort();
    }
    begun = now_ns(CLOCK_MONOTONIC);
    for (unsigned end = 0; end < n;) {
        for (unsigned i = 0; i < POOL_BATCH; i++) {
            if (thread_pool_submit_aio(ctx, work, &data[i], done, &completed, NULL, NULL) < 0) {
                abort();
            }
        }
        end += POOL_BATCH;
        while (completed < end) {
            (void)aio_poll(ctx, true);
        }
    }
    begun = (now_ns(CLOCK_MONOTONIC) - begun) / completed;
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    return begun;
}

static void glib_work(gpointer data, gpointer finished)
{
    work(data);
    g_async_queue_push(finished, data);
}

/* GThreadPool says nothing when work is done; a GAsyncQueue brings it back. */
static double run_glib_pool(unsigned n)
{
    static uintptr_t data[POOL_BATCH];
    GAsyncQueue *finished = g_async_queue_new();
    GThreadPool *pool = g_thread_pool_new(glib_work, finished, POOL_WORKERS, FALSE, NULL);
    unsigned completed = 0;
    double begun = now_ns(CLOCK_MONOTONIC);

    while (completed < n) {
        for (unsigned i = 0; i < POOL_BATCH; i++) {
            g_thread_pool_push(pool, &data[i], NULL);
        }
        for (unsigned i = 0; i < POOL_BATCH; i++, completed++) {
            g_async_queue_pop(finished);
        }
    }
    begun = (now_ns(CLOCK_MONOTONIC) - begun) / completed;
    g_thread_pool_free(pool, FALSE, TRUE);
    g_async_queue_unref(finished);
    return begun;
}

const struct subject mortise_timer_delete = {"mortise", run_timer_delete};
const struct subject mortise_timer_run = {"mortise", run_timer_run};
const struct subject mortise_coroutine = {"mortise", run_coroutine};
const struct subject swapcontext_switch = {"swapcontext", run_swapcontext};
const struct subject mortise_pool = {"mortise", run_pool};
const struct subject glib_pool = {"GThreadPool", run_glib_pool};
