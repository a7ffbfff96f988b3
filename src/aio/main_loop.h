/* The main loop: the default GMainContext, in which two contexts are sources.
 * Its thread has main_loop_role, and holds the BQL except while it waits, in
 * main_loop_wait and in aio_poll of the main context alike. */
#ifndef MORTISE_AIO_MAIN_LOOP_H
#define MORTISE_AIO_MAIN_LOOP_H

#include "aio/aio.h"
#include "locks/bql.h"
#include "locks/thread.h"

/* Makes both contexts and attaches them; the caller becomes their home. */
NODISCARD int main_loop_init(enum aio_monitor monitor, struct error *err)
    REQUIRES(main_loop_role, bql);

/* Undoes it. Handlers have been removed. */
void main_loop_cleanup(void) REQUIRES(main_loop_role, bql);

/* The context that nested rounds run: block I/O and what is waited for. It is
 * the current context of the main loop's thread. Any thread. */
struct aio_context *main_loop_context(void);

/* The one whose callbacks only ever run from main_loop_wait, never in the middle
 * of something that waits: monitors, signals, displays. Any thread. */
struct aio_context *main_loop_iohandler_context(void);

/* One round of all, waiting first unless told not to. The BQL is dropped while
 * it waits. */
void main_loop_wait(bool nonblocking) REQUIRES(main_loop_role, bql) MAY_BLOCK;

/* Rounds until main_loop_quit, which any thread and any signal handler may
 * call, and which is remembered if it comes first. */
void main_loop_run(void) REQUIRES(main_loop_role, bql) MAY_BLOCK;
void main_loop_quit(void);

#endif
