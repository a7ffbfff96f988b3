/* Signals of the process as ordinary events of a loop, through signalfd(2):
 * the handler may do what any callback may. */
#ifndef MORTISE_AIO_SIGNALS_H
#define MORTISE_AIO_SIGNALS_H

#include <signal.h>
#include <sys/signalfd.h>

#include "aio/aio.h"

typedef void aio_signal_fn(void *opaque, const struct signalfd_siginfo *info);

struct aio_signals {
    int fd IMMUTABLE_AFTER_INIT;
    struct aio_context *ctx IMMUTABLE_AFTER_INIT;
    aio_signal_fn *handler IMMUTABLE_AFTER_INIT;
    void *opaque IMMUTABLE_AFTER_INIT;
    sigset_t set, saved;
};

/* Blocks the signals of set in the calling thread and calls handler for each
 * that is pending, on the home thread of ctx. Every thread of the process must
 * have them blocked; those of thread_create have. Signals that come while they
 * are pending are merged as always, but for realtime signals. */
NODISCARD int aio_signals_start(struct aio_signals *s, struct aio_context *ctx, const sigset_t *set,
                                aio_signal_fn *handler, void *opaque, struct error *err);

/* Those that are pending now are forgotten. */
void aio_signals_discard(struct aio_signals *s);

/* Undoes it, on the same thread; signals that were not handled stay pending
 * and may be delivered now. */
void aio_signals_stop(struct aio_signals *s);

#endif
