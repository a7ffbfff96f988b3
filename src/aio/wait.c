/* Who waits counts itself, then looks at its condition; who changes a condition
 * does so, then looks whether somebody waits, and if so wakes the main loop's
 * context. Both pairs have a full fence between, so one of the two sees the
 * other: the waiter the change, or the changer the waiter. A wake-up that comes
 * before the sleep is kept by aio_notify. */
#include "aio/wait.h"

#include <stdatomic.h>

#include "aio/context.h"

static _Atomic(struct aio_context *) main_context WRITE_GUARDED_BY(main_loop_role);
static atomic_uint waiters WRITE_GUARDED_BY(main_loop_role);

void aio_wait_set_main(struct aio_context *ctx)
{
    atomic_store_explicit(&main_context, ctx, memory_order_release);
}

void aio_wait_begin(struct aio_context *ctx)
{
    struct aio_context *run = atomic_load_explicit(&main_context, memory_order_acquire);

    thread_role_assert(&main_loop_role);
    if (!run || !aio_context_is_home(run)) {
        aio_bug("waiting for event loop %s without a main loop to run", aio_context_name(ctx));
    }
    atomic_fetch_add_explicit(&waiters, 1, memory_order_relaxed);
    /* Pairs with the fence in aio_wait_kick: the condition is read behind it. */
    atomic_thread_fence(memory_order_seq_cst);
}

void aio_wait_round(void)
{
    struct aio_context *run = atomic_load_explicit(&main_context, memory_order_acquire);

    aio_context_assert_home(run);
    (void)aio_poll(run, true);
}

void aio_wait_end(void)
{
    atomic_fetch_sub_explicit(&waiters, 1, memory_order_relaxed);
}

void aio_wait_kick(void)
{
    /* Pairs with the fence in aio_wait_begin. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&waiters, memory_order_relaxed) > 0) {
        struct aio_context *run = atomic_load_explicit(&main_context, memory_order_acquire);

        if (run) {
            aio_notify(run);
        }
    }
}

struct wait_bh {
    aio_bh_fn *cb;
    void *opaque;
    atomic_bool done;
};

static void wait_bh_run(void *opaque)
{
    struct wait_bh *w = opaque;

    w->cb(w->opaque);
    /* release pairs with the acquire of who waits; w is gone from here on. */
    atomic_store_explicit(&w->done, true, memory_order_release);
    aio_wait_kick();
}

void aio_wait_bh_oneshot_full(struct aio_context *ctx, aio_bh_fn *cb, void *opaque,
                              const char *name)
{
    struct wait_bh w = {.cb = cb, .opaque = opaque};

    aio_bh_schedule_oneshot_full(ctx, wait_bh_run, &w, name);
    AIO_WAIT_WHILE(ctx, !atomic_load_explicit(&w.done, memory_order_acquire));
}
