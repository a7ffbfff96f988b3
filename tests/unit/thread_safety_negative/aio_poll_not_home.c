/* A round of an event loop by a thread that is not its home. */
/* expect: calling function 'aio_poll' requires holding aio_context 'ctx' exclusively */
#include "aio/aio.h"

void act(struct aio_context *ctx);

void act(struct aio_context *ctx)
{
    (void)aio_poll(ctx, true);
}
