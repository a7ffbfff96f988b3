/* Waiting for an event loop on a thread that does not run the main loop. */
/* expect: calling function 'aio_wait_bh_oneshot_full' requires holding role 'main_loop_role' */
#include "aio/wait.h"

void act(struct aio_context *ctx, aio_bh_fn *cb);

void act(struct aio_context *ctx, aio_bh_fn *cb)
{
    aio_wait_bh_oneshot(ctx, cb, NULL);
}
