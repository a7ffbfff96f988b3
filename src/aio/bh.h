/* Bottom halves: calls put off until the context's home thread comes round.
 *
 * Scheduling is lock-free, and one that is scheduled runs once: schedules that
 * come before it runs are the same one, a schedule after it has begun makes it
 * run again. Nothing that the scheduler did before is unseen by the callback.
 * Those scheduled while bottom halves are running run in the next round. */
#ifndef MORTISE_AIO_BH_H
#define MORTISE_AIO_BH_H

#include "aio/aio.h"

struct aio_bh;
typedef void aio_bh_fn(void *opaque);

/* Keeps a device from being entered again through itself. While entered, by
 * its register access or one of its bottom halves, other bottom halves with
 * the same guard wait, and run in their order soon after it is left. Used by
 * one thread at a time: a context's home, or who holds the lock of the device. */
struct OWNED_BY(home or the holder of the lock of the device) aio_guard {
    bool entered;
    struct aio_bh *waiting, *waiting_last;
};

/* False, and nothing to leave, if it is entered already. */
NODISCARD bool aio_guard_enter(struct aio_guard *guard);
void aio_guard_leave(struct aio_guard *guard);

/* A bottom half of ctx. Stops the process when memory runs out, as nothing can
 * be done about that where it is called. Any thread. */
#define aio_bh_new(ctx, cb, opaque) aio_bh_new_full((ctx), (cb), (opaque), #cb, NULL)
#define aio_bh_new_guarded(ctx, cb, opaque, guard)                                                 \
    aio_bh_new_full((ctx), (cb), (opaque), #cb, (guard))
struct aio_bh *aio_bh_new_full(struct aio_context *ctx, aio_bh_fn *cb, void *opaque,
                               const char *name, struct aio_guard *guard);

/* Any thread; signal-safe. */
void aio_bh_schedule(struct aio_bh *bh);

/* Runs within 10 ms, or when the loop comes round for another reason; does not
 * by itself make aio_poll return true. For work that has no hurry. Any
 * thread; signal-safe. */
void aio_bh_schedule_idle(struct aio_bh *bh);

/* Takes back a schedule; it can be scheduled again. From another thread than
 * the home one, a callback that has begun is not waited for. */
void aio_bh_cancel(struct aio_bh *bh);

/* Takes back a schedule and frees the bottom half once nobody is in it. It is
 * not touched by the caller any more. Any thread, its callback included. */
void aio_bh_delete(struct aio_bh *bh);

/* Runs cb(opaque) once; there is nothing to free. Any thread; not
 * signal-safe, because it allocates. */
#define aio_bh_schedule_oneshot(ctx, cb, opaque)                                                   \
    aio_bh_schedule_oneshot_full((ctx), (cb), (opaque), #cb)
void aio_bh_schedule_oneshot_full(struct aio_context *ctx, aio_bh_fn *cb, void *opaque,
                                  const char *name);

#endif
