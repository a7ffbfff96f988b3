/* A thread that runs a context of its own. */
#ifndef MORTISE_AIO_IOTHREAD_H
#define MORTISE_AIO_IOTHREAD_H

#include <glib.h>
#include <sched.h>

#include "aio/aio.h"
#include "locks/bql.h"

struct iothread;

/* Starts one; it has the role iothread_role and is the home of its context.
 * Fails with what a thread or a context fails with, and leaves nothing. */
NODISCARD int iothread_new(const char *name, enum aio_monitor monitor, struct iothread **out,
                           struct error *err);

/* Runs what is scheduled, ends the thread and waits for that, then gives up the
 * context. Descriptor handlers have been removed. Not by the thread itself,
 * and not under the BQL, which callbacks may be waiting for. */
void iothread_free(struct iothread *io) EXCLUDES(bql) MAY_BLOCK;

struct aio_context *iothread_get_aio_context(struct iothread *io);

/* The GMainContext that the thread runs together with its context, made at the
 * first call; it is the thread's default from then on. Any thread. */
GMainContext *iothread_get_g_main_context(struct iothread *io);

/* As aio_context_set_poll_params. Any thread, at any time. */
NODISCARD int iothread_set_poll_params(struct iothread *io, int64_t max_ns, int64_t grow,
                                       int64_t shrink, struct error *err);

/* Keeps it on these host CPUs. Any thread, at any time. */
NODISCARD int iothread_set_affinity(struct iothread *io, const cpu_set_t *cpus, struct error *err);

#endif
