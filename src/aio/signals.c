/* A signalfd as an ordinary handler of a context. */
#include "aio/signals.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* One at a time, the level brings us back for more: the handler may stop s and
 * free it, and what it has not been called for stays pending then. */
static void read_signal(void *opaque)
{
    struct aio_signals *s = opaque;
    struct signalfd_siginfo info;

    if (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        s->handler(s->opaque, &info);
    }
}

int aio_signals_start(struct aio_signals *s, struct aio_context *ctx, const sigset_t *set,
                      aio_signal_fn *handler, void *opaque, struct error *err)
{
    static const struct aio_fd_ops ops = {.io_read = read_signal};
    int ret;

    *s = (struct aio_signals){.ctx = ctx, .handler = handler, .opaque = opaque, .set = *set};
    pthread_sigmask(SIG_BLOCK, set, &s->saved);
    s->fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0) {
        int errnum = errno;

        ret =
            error_set(err, errnum, "cannot receive signals by descriptor: %s", error_text(errnum));
    } else {
        ret = aio_set_fd_handler(ctx, s->fd, 0, &ops, s, err);
        if (ret < 0) {
            close(s->fd);
        }
    }
    if (ret < 0) {
        pthread_sigmask(SIG_SETMASK, &s->saved, NULL);
        s->fd = -1;
    }
    return ret;
}

void aio_signals_discard(struct aio_signals *s)
{
    struct signalfd_siginfo info;

    while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    }
}

void aio_signals_stop(struct aio_signals *s)
{
    if (s->fd >= 0) {
        aio_clear_fd_handler(s->ctx, s->fd);
        close(s->fd);
        s->fd = -1;
        pthread_sigmask(SIG_SETMASK, &s->saved, NULL);
    }
}
