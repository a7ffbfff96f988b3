/* An event loop. A context waits for file descriptors, bottom halves
 * (aio/bh.h) and timers (aio/timer.h) at once and runs their callbacks, one
 * after the other, on its home thread.
 *
 * Home. The thread that called aio_context_enter is the context's home until
 * it calls aio_context_leave. That is a capability: what must run there says
 * REQUIRES(ctx), and the compiler rejects other calls. A callback, which is
 * reached through a pointer, may tell the analysis with
 * aio_context_assert_home. A thread may be the home of several contexts; the
 * first it entered is its current one.
 *
 * Callbacks run with no lock of this room held, may call anything here, and
 * may call aio_poll themselves (nested). */
#ifndef MORTISE_AIO_AIO_H
#define MORTISE_AIO_AIO_H

#include <stdbool.h>
#include <stdint.h>

#include "aio/event_notifier.h"
#include "base/error.h"
#include "base/annotations.h"

struct CAPABILITY("aio_context") aio_context;

/* How a context waits for descriptors. Each falls back to the one above it where
 * the kernel refuses it, with a line in the log. */
enum aio_monitor {
    AIO_MONITOR_AUTO, /* epoll, or poll where that is refused */
    AIO_MONITOR_POLL, /* ppoll(2): cost grows with the descriptors registered */
    AIO_MONITOR_EPOLL,
    AIO_MONITOR_IO_URING, /* looks without system calls; falls back where it is refused */
};

/* "auto", "poll", "epoll", "io_uring" to a monitor; -EINVAL and a sentence. */
NODISCARD int aio_monitor_parse(const char *text, enum aio_monitor *monitor, struct error *err);

/* A new context without a home, held by one reference. The name (cut to 15
 * bytes) is for traces. Fails with what its descriptors fail with. */
NODISCARD int aio_context_new(const char *name, enum aio_monitor monitor, struct aio_context **out,
                              struct error *err);

/* The last reference frees it. By then its descriptor handlers are removed,
 * bottom halves that were scheduled have run and its home has left. */
void aio_context_ref(struct aio_context *ctx);
void aio_context_unref(struct aio_context *ctx);

const char *aio_context_name(const struct aio_context *ctx);

/* The monitor in use: "poll", "epoll" or "io_uring". */
const char *aio_context_monitor_name(const struct aio_context *ctx);

/* The calling thread becomes, and ceases to be, the home of ctx. */
void aio_context_enter(struct aio_context *ctx) ACQUIRE(ctx);
void aio_context_leave(struct aio_context *ctx) RELEASE(ctx);

/* Whether the calling thread is the home of ctx. */
bool aio_context_is_home(const struct aio_context *ctx);

/* Stops the process unless it is. */
void aio_context_assert_home(struct aio_context *ctx) ASSERT_CAPABILITY(ctx);

/* The context that the calling thread entered first, or NULL. */
struct aio_context *aio_context_current(void);

/* One round: waits, if blocking, until something is due, then runs all that
 * is. True if a callback other than an idle bottom half ran; may be false
 * after any wake-up. Sleeps without the locks that aio_context_set_wait_lock
 * named. */
bool aio_poll(struct aio_context *ctx, bool blocking) REQUIRES(ctx) MAY_BLOCK;

/* Makes the home thread look again: aio_poll returns from its wait, or does not
 * begin one. Any thread; signal-safe. What the caller did before is seen. */
void aio_notify(struct aio_context *ctx);

/* aio_notify for every context there is. Any thread. */
void aio_notify_all(void);

/* For a program that forks and whose children use event loops of their own: once,
 * at start-up, with no lock held. Contexts stay the parent's; the child leaves
 * them and their descriptors alone, and makes new ones. */
void aio_hold_locks_across_fork(void);

/* The callbacks of one descriptor; each may be NULL. */
struct aio_fd_ops {
    void (*io_read)(void *opaque);  /* readable, hung up or in error */
    void (*io_write)(void *opaque); /* writable or in error */

    /* For adaptive polling. io_poll looks, without a system call, whether
     * there is something to do, and nothing else; if so, io_poll_ready is
     * called to do it. io_poll_begin and io_poll_end enclose a stretch of
     * such looking, in which the other side need not signal the descriptor;
     * io_poll is called once more after io_poll_end. A handler that is cleared
     * in such a stretch sees no end of it. */
    bool (*io_poll)(void *opaque);
    void (*io_poll_ready)(void *opaque);
    void (*io_poll_begin)(void *opaque);
    void (*io_poll_end)(void *opaque);
};

enum aio_handler_flags {
    /* Brings in requests from outside (a guest, a client), and so is silent
     * while aio_disable_external is in force. */
    AIO_EXTERNAL = 1 << 0,
};

/* Registers callbacks for fd in place of what was there; with neither io_read
 * nor io_write the descriptor is only watched by io_poll. Any thread. The
 * descriptor's readiness is a level: callbacks run as long as it lasts.
 *
 * Fails, leaving what was there, with -EBADF for a closed descriptor, -EPERM
 * for a file that is always ready, -ENOMEM, -ENOSPC. A descriptor should be
 * cleared before it is closed; if not, its callbacks are not called any more,
 * and registering the number again works. */
NODISCARD int aio_set_fd_handler(struct aio_context *ctx, int fd, unsigned flags,
                                 const struct aio_fd_ops *ops, void *opaque, struct error *err);

/* Removes the callbacks of fd, if there are any. Any thread. After a call on
 * the home thread none runs any more; after one from elsewhere, one that has
 * begun may still be running: aio_wait_bh_oneshot or a bottom half tells. */
void aio_clear_fd_handler(struct aio_context *ctx, int fd);

/* The same for a notifier, with itself as the argument. */
struct event_notifier_ops {
    void (*handler)(struct event_notifier *e);
    bool (*io_poll)(struct event_notifier *e);
    void (*io_poll_ready)(struct event_notifier *e);
    void (*io_poll_begin)(struct event_notifier *e);
    void (*io_poll_end)(struct event_notifier *e);
};

/* Registers a notifier. It is cleared by the loop, then the handler is called:
 * at least once after each event_notifier_set, and now and then for nothing.
 * Otherwise as aio_set_fd_handler. */
NODISCARD int aio_set_event_notifier(struct aio_context *ctx, struct event_notifier *e,
                                     unsigned flags, const struct event_notifier_ops *ops,
                                     struct error *err);
void aio_clear_event_notifier(struct aio_context *ctx, struct event_notifier *e);

/* Silences handlers with AIO_EXTERNAL, until enabled as often as disabled;
 * what comes meanwhile is reported then. Any thread; from another than the
 * home one, a callback that has begun is not waited for. */
void aio_disable_external(struct aio_context *ctx);
void aio_enable_external(struct aio_context *ctx);
bool aio_external_disabled(struct aio_context *ctx);

/* Adaptive polling: before sleeping, look for up to max_ns (0: never) at what
 * can be looked at without a system call. The time used grows by the factor
 * grow (0: 2) while events come soon after sleep began and shrinks by shrink
 * (0: to nothing) when they come later than max_ns. Any thread; -EINVAL for
 * negative values. */
NODISCARD int aio_context_set_poll_params(struct aio_context *ctx, int64_t max_ns, int64_t grow,
                                          int64_t shrink, struct error *err);

/* The time it currently polls before it sleeps, for statistics. Any thread. */
int64_t aio_context_poll_ns(const struct aio_context *ctx);

#endif
