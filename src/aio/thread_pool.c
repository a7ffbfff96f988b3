/* A queue under one lock, on which workers sleep; a stack of finished requests,
 * lock-free, and a bottom half that works it off on the home thread.
 *
 * A worker that is idle counts itself; who queues work wakes one if there is
 * any idle, and if not starts another, up to the maximum. A wake-up in flight is
 * taken off the count by the waker, so that two requests in a row wake two
 * workers. The bottom half is scheduled by each finished request, and so runs
 * after the last of them; a request stays queued, and the error is reported,
 * only if nobody is there who could ever run it. */
#include "aio/thread_pool.h"

#include <ck_stack.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aio/aio_co.h"
#include "aio/bh.h"
#include "aio/context.h"
#include "aio/stack.h"
#include "locks/cond.h"
#include "locks/thread.h"

#define WORKERS_MAX_DEFAULT 64u
#define IDLE_NS_DEFAULT     (10 * AIO_NS_PER_SEC)

/* Requests kept for reuse. */
#define SPARE_MAX 256u

enum request_state {
    QUEUED,   /* in the queue; can be cancelled */
    RUNNING,  /* with a worker */
    FINISHED, /* in the stack of the finished */
};

struct thread_pool_request {
    struct aio_link link; /* in the queue, under the lock like state; or in completing */
    ck_stack_entry_t finished;
    enum request_state state OWNED_BY(holder of the lock of the pool);
    struct thread_pool *pool IMMUTABLE_AFTER_INIT;
    thread_pool_fn *fn IMMUTABLE_AFTER_INIT;
    void *arg IMMUTABLE_AFTER_INIT;
    thread_pool_done *done IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT;
    int ret OWNED_BY(its worker then the home thread);
};

struct thread_pool {
    struct aio_context *ctx IMMUTABLE_AFTER_INIT;
    struct aio_bh *bh IMMUTABLE_AFTER_INIT;
    ck_stack_t finished;

    struct mutex lock;
    struct cond work;  /* the queue is not empty, or the parameters changed */
    struct cond ended; /* a worker has ended */
    struct aio_link queue GUARDED_BY(&lock);
    unsigned workers GUARDED_BY(&lock), idle GUARDED_BY(&lock);
    unsigned woken GUARDED_BY(&lock); /* of the idle: have a wake-up coming */
    unsigned min GUARDED_BY(&lock), max GUARDED_BY(&lock);
    int64_t idle_ns GUARDED_BY(&lock);
    bool stopping GUARDED_BY(&lock);

    struct aio_link completing OWNED_BY(home);        /* finished, their completion to be called */
    struct thread_pool_request *spare OWNED_BY(home); /* linked by finished.next */
    unsigned spare_count OWNED_BY(home);
};

LOCK_CLASS_DEFINE(thread_pool_class, RANK_LEAF);

/* From the push on the request, and when the loop ends the pool, may go. */
static void finish(struct thread_pool *pool, struct thread_pool_request *r)
{
    aio_stack_push(&pool->finished, &r->finished);
    aio_bh_schedule(pool->bh);
}

/* Waits for work; false when it is time to leave. What is queued when there are
 * too many workers is left to those that stay: they are busy, or woken. */
static bool wait_for_work(struct thread_pool *pool) REQUIRES(&pool -> lock)
{
    int64_t until = aio_ns_after(aio_clock_get_ns(AIO_CLOCK_HOST), pool->idle_ns);
    bool in_time = true;

    pool->idle++;
    while (aio_link_alone(&pool->queue) && !pool->stopping && pool->workers <= pool->max &&
           (in_time || pool->workers <= pool->min)) {
        in_time = cond_timedwait(&pool->work, &pool->lock, (uint64_t)until);
        if (pool->woken > 0) {
            pool->woken--; /* one of them was for us, or is not needed any more */
        } else if (!in_time && pool->workers <= pool->min) {
            until = aio_ns_after(aio_clock_get_ns(AIO_CLOCK_HOST), pool->idle_ns);
        }
    }
    pool->idle--;
    return pool->workers <= pool->max && !aio_link_alone(&pool->queue);
}

static void run_queue(struct thread_pool *pool) REQUIRES(worker_role)
{
    struct aio_link *link;

    mutex_lock(&pool->lock);
    do {
        while (pool->workers <= pool->max && (link = aio_list_pop(&pool->queue))) {
            struct thread_pool_request *r = AIO_CONTAINER(link, struct thread_pool_request, link);

            r->state = RUNNING;
            mutex_unlock(&pool->lock);
            r->ret = r->fn(r->arg);
            finish(pool, r);
            mutex_lock(&pool->lock);
        }
    } while (wait_for_work(pool));
    pool->workers--;
    cond_broadcast(&pool->ended);
    mutex_unlock(&pool->lock);
}

static void *worker_main(void *opaque)
{
    thread_role_enter(&worker_role);
    run_queue(opaque);
    thread_role_leave(&worker_role);
    return NULL;
}

/* One more worker, if there may be. Fails only if there is none at all. */
static int start_worker(struct thread_pool *pool, struct error *err) REQUIRES(&pool -> lock)
{
    struct thread thread;
    int ret;

    if (pool->workers >= pool->max) {
        return 0;
    }
    pool->workers++;
    ret = thread_create(&thread, "worker", worker_main, pool, err);
    if (ret < 0) {
        pool->workers--;
        return pool->workers > 0 ? 0 : ret;
    }
    thread_detach(&thread);
    return 0;
}

static struct thread_pool_request *request_get(struct thread_pool *pool)
{
    struct thread_pool_request *r = pool->spare;

    if (!r) {
        return malloc(sizeof(*r));
    }
    pool->spare_count--;
    pool->spare = r->finished.next
                      ? AIO_CONTAINER(r->finished.next, struct thread_pool_request, finished)
                      : NULL;
    return r;
}

static void request_put(struct thread_pool *pool, struct thread_pool_request *r)
{
    if (pool->spare_count == SPARE_MAX) {
        free(r);
        return;
    }
    r->finished.next = pool->spare ? &pool->spare->finished : NULL;
    pool->spare = r;
    pool->spare_count++;
}

static void complete_finished(void *opaque)
{
    struct thread_pool *pool = opaque;
    struct aio_link *link;

    for (ck_stack_entry_t *done = aio_stack_take(&pool->finished), *next; done; done = next) {
        next = done->next;
        aio_list_append(&pool->completing,
                        &AIO_CONTAINER(done, struct thread_pool_request, finished)->link);
    }
    /* A callback that waits in a nested round must get at the rest. */
    if (pool->completing.next != pool->completing.prev) {
        aio_bh_schedule(pool->bh);
    }
    while ((link = aio_list_pop(&pool->completing))) {
        struct thread_pool_request *r = AIO_CONTAINER(link, struct thread_pool_request, link);

        if (r->done) {
            r->done(r->opaque, r->ret);
        }
        request_put(pool, r);
    }
}

struct thread_pool *aio_get_thread_pool(struct aio_context *ctx)
{
    struct thread_pool *pool = atomic_load_explicit(&ctx->thread_pool, memory_order_relaxed);

    if (!pool) {
        pool = aio_alloc(sizeof(*pool));
        pool->ctx = ctx;
        pool->bh = aio_bh_new(ctx, complete_finished, pool);
        ck_stack_init(&pool->finished);
        aio_link_init(&pool->completing);
        mutex_init(&pool->lock, &thread_pool_class);
        cond_init(&pool->work);
        cond_init(&pool->ended);
        mutex_lock(&pool->lock);
        aio_link_init(&pool->queue);
        pool->max = WORKERS_MAX_DEFAULT;
        pool->idle_ns = IDLE_NS_DEFAULT;
        mutex_unlock(&pool->lock);
        atomic_store_explicit(&ctx->thread_pool, pool, memory_order_relaxed);
    }
    return pool;
}

int thread_pool_submit_aio(struct aio_context *ctx, thread_pool_fn *fn, void *arg,
                           thread_pool_done *done, void *opaque,
                           struct thread_pool_request **request, struct error *err)
{
    struct thread_pool *pool = aio_get_thread_pool(ctx);
    struct thread_pool_request *r = request_get(pool);
    bool wake = false;
    int ret = 0;

    if (!r) {
        return error_set(err, ENOMEM, "cannot queue work: out of memory");
    }
    *r = (struct thread_pool_request){
        .state = QUEUED, .pool = pool, .fn = fn, .arg = arg, .done = done, .opaque = opaque};
    mutex_lock(&pool->lock);
    if (pool->idle > pool->woken) {
        pool->woken++;
        wake = true;
    } else {
        ret = start_worker(pool, err);
    }
    if (ret == 0) {
        aio_list_append(&pool->queue, &r->link);
        if (request) {
            *request = r;
        }
    }
    mutex_unlock(&pool->lock);
    if (wake) {
        cond_signal(&pool->work);
    }
    if (ret < 0) {
        request_put(pool, r);
    }
    return ret;
}

int thread_pool_submit(struct aio_context *ctx, thread_pool_fn *fn, void *arg, struct error *err)
{
    return thread_pool_submit_aio(ctx, fn, arg, NULL, NULL, NULL, err);
}

struct co_request {
    struct coroutine *co;
    int ret;
};

static void wake_submitter(void *opaque, int ret)
{
    struct co_request *request = opaque;

    request->ret = ret;
    aio_co_wake(request->co);
}

int thread_pool_submit_co(thread_pool_fn *fn, void *arg)
{
    struct co_request request = {.co = coroutine_self()};
    struct aio_context *ctx;
    int ret;

    if (!request.co) {
        aio_bug("thread_pool_submit_co outside of a coroutine");
    }
    ctx = aio_co_context(request.co);
    if (!ctx) {
        aio_bug("thread_pool_submit_co outside of any event loop");
    }
    aio_context_assert_home(ctx);
    ret = thread_pool_submit_aio(ctx, fn, arg, wake_submitter, &request, NULL, NULL);
    if (ret < 0) {
        return ret;
    }
    coroutine_yield();
    return request.ret;
}

bool thread_pool_cancel(struct thread_pool_request *request)
{
    struct thread_pool *pool = request->pool;
    bool cancelled;

    mutex_lock(&pool->lock);
    cancelled = request->state == QUEUED;
    if (cancelled) {
        aio_link_remove(&request->link);
        request->state = FINISHED;
        request->ret = -ECANCELED;
    }
    mutex_unlock(&pool->lock);
    if (cancelled) {
        finish(pool, request);
    }
    return cancelled;
}

int thread_pool_set_params(struct thread_pool *pool, unsigned min, unsigned max, int64_t idle_ns,
                           struct error *err)
{
    unsigned coming;

    if (max == 0 || min > max || idle_ns < 0) {
        return error_set(err, EINVAL,
                         "a thread pool needs at least one worker and no more idle than at work");
    }
    mutex_lock(&pool->lock);
    coming = pool->woken;
    pool->min = min;
    pool->max = max;
    pool->idle_ns = idle_ns;
    cond_broadcast(&pool->work);
    /* What waits for a worker may have one now; without, it goes on waiting. */
    for (struct aio_link *link = pool->queue.next; link != &pool->queue; link = link->next) {
        if (coming > 0) {
            coming--;
        } else {
            int ignored = start_worker(pool, NULL);

            (void)ignored;
        }
    }
    mutex_unlock(&pool->lock);
    return 0;
}

unsigned thread_pool_workers(struct thread_pool *pool)
{
    unsigned workers;

    mutex_lock(&pool->lock);
    workers = pool->workers;
    mutex_unlock(&pool->lock);
    return workers;
}

/* The context has no home any more. Nobody is left to hear of what ends now. */
static void drop_finished(struct thread_pool *pool)
{
    for (ck_stack_entry_t *done = aio_stack_take(&pool->finished), *next; done; done = next) {
        struct thread_pool_request *r = AIO_CONTAINER(done, struct thread_pool_request, finished);

        next = done->next;
        if (r->done) {
            aio_bug("event loop %s is freed while work for it is under way", pool->ctx->name);
        }
        free(r);
    }
}

void aio_thread_pool_stop(struct aio_context *ctx)
{
    struct thread_pool *pool = atomic_load_explicit(&ctx->thread_pool, memory_order_relaxed);

    if (!pool) {
        return;
    }
    mutex_lock(&pool->lock);
    pool->stopping = true;
    cond_broadcast(&pool->work);
    while (pool->workers > 0) {
        cond_wait(&pool->ended, &pool->lock);
    }
    mutex_unlock(&pool->lock);
    drop_finished(pool);
    aio_bh_delete(pool->bh);
    while (pool->spare) {
        free(request_get(pool));
    }
    free(pool);
}
