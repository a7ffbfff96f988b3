/* Blocking work for an event loop: run by worker threads, completed on the
 * context's home thread. Each context has a pool, made when it is first used.
 * Workers start as work comes, up to a maximum, and leave after an idle time. */
#ifndef MORTISE_AIO_THREAD_POOL_H
#define MORTISE_AIO_THREAD_POOL_H

#include <stdint.h>

#include "aio/aio.h"
#include "aio/coroutine.h"

struct thread_pool;
struct thread_pool_request;

/* The work, on a worker; what it returns is handed on. */
typedef int thread_pool_fn(void *arg);

/* The completion, on the home thread. ret is what the work returned, or
 * -ECANCELED. The request is gone when it returns. */
typedef void thread_pool_done(void *opaque, int ret);

struct thread_pool *aio_get_thread_pool(struct aio_context *ctx) REQUIRES(ctx);

/* Queues fn(arg); done, which may be NULL, is called once. Returns 0 and the
 * request, if asked for it, which is good for thread_pool_cancel until done is
 * called. The context is not freed before that. Fails, with nothing queued, with -ENOMEM, or, if
 * there is no worker and none can be started, with what the thread failed with. */
NODISCARD int thread_pool_submit_aio(struct aio_context *ctx, thread_pool_fn *fn, void *arg,
                                     thread_pool_done *done, void *opaque,
                                     struct thread_pool_request **request, struct error *err)
    REQUIRES(ctx);

/* Nobody wants to know when it is done. Freeing the context waits for it. */
NODISCARD int thread_pool_submit(struct aio_context *ctx, thread_pool_fn *fn, void *arg,
                                 struct error *err) REQUIRES(ctx);

/* Runs fn(arg) while the calling coroutine waits; what it returned, or a
 * negative errno if it could not be queued. */
int thread_pool_submit_co(thread_pool_fn *fn, void *arg) coroutine_fn;

/* True if the work had not begun: it never will, and done is called with
 * -ECANCELED, from the loop. False: it has begun and is left to end. */
bool thread_pool_cancel(struct thread_pool_request *request);

/* max workers (at least 1, 64 by default), min of them stay when idle (0 by
 * default), the others for idle_ns (10 s by default). -EINVAL. Any thread.
 * What is queued gets the workers that a higher max allows; with a lower one,
 * those that are too many leave when they have done what they are at. */
NODISCARD int thread_pool_set_params(struct thread_pool *pool, unsigned min, unsigned max,
                                     int64_t idle_ns, struct error *err);

/* How many workers there are. Any thread. */
unsigned thread_pool_workers(struct thread_pool *pool);

#endif
