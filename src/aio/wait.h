/* Waiting for what another thread's event loop does. The main loop's thread
 * waits by running its own loop meanwhile, and, being asleep in it, does not
 * hold the BQL; so it cannot hold up what it waits for. Any other thread may
 * only wait for a context whose home it is. No thread waits otherwise. */
#ifndef MORTISE_AIO_WAIT_H
#define MORTISE_AIO_WAIT_H

#include "aio/aio.h"
#include "aio/bh.h"
#include "locks/bql.h"
#include "locks/thread.h"

/* Runs the main loop's context while cond is true. cond is about ctx: it is
 * changed by its home thread, which then calls aio_wait_kick. */
#define AIO_WAIT_WHILE(ctx, cond)                                                                  \
    do {                                                                                           \
        aio_wait_begin(ctx);                                                                       \
        while ((cond)) {                                                                           \
            aio_wait_round();                                                                      \
        }                                                                                          \
        aio_wait_end();                                                                            \
    } while (0)

/* The same on the home thread of ctx, which runs ctx. */
#define AIO_WAIT_WHILE_HOME(ctx, cond)                                                             \
    do {                                                                                           \
        while ((cond)) {                                                                           \
            (void)aio_poll((ctx), true);                                                           \
        }                                                                                          \
    } while (0)

/* Some condition may have become false. Any thread, after the change, which
 * who waits then sees; signal-safe. */
void aio_wait_kick(void);

/* Runs cb(opaque) on the home thread of ctx and returns when it has; the home
 * thread's current round is over by then, or waits for us. */
#define aio_wait_bh_oneshot(ctx, cb, opaque) aio_wait_bh_oneshot_full((ctx), (cb), (opaque), #cb)
void aio_wait_bh_oneshot_full(struct aio_context *ctx, aio_bh_fn *cb, void *opaque,
                              const char *name) REQUIRES(main_loop_role, bql) MAY_BLOCK;

/* For the macro. */
void aio_wait_begin(struct aio_context *ctx) REQUIRES(main_loop_role, bql);
void aio_wait_round(void) REQUIRES(main_loop_role, bql) MAY_BLOCK;
void aio_wait_end(void) REQUIRES(main_loop_role, bql);

/* The context that the main loop's thread runs while it waits; main_loop.c. */
void aio_wait_set_main(struct aio_context *ctx) REQUIRES(main_loop_role);

#endif
