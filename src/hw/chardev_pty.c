/* Character devices on pseudo terminals. While nobody has the other end open, output is
 * dropped, as nobody would ever read it: otherwise a guest would stand still once the
 * buffers are full. That somebody has come shows in no event, so it is looked for. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "aio/main_loop.h"
#include "hw/chardev_internal.h"

#define LOOK_NS INT64_C(300000000)

/* POLLHUP: nobody is there. POLLIN: somebody is, or has left this behind. */
static int look(const struct chardev_fd *c) REQUIRES(bql)
{
    struct pollfd p = {.fd = c->master, .events = POLLIN};
    return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static void on_look(void *opaque)
{
    struct chardev_fd *c = opaque;
    bql_assert_locked();
    int seen = look(c);
    bool left = seen & POLLHUP;
    if (c->out < 0 && (!left || (seen & POLLIN))) {
        int fd = fcntl(c->master, F_DUPFD_CLOEXEC, 0);
        if (fd >= 0) {
            chardev_fd_start(c, fd, fd);
            chardev_tell_opened(&c->c, true);
        }
    } else if (c->out >= 0 && left && c->used > 0) { /* and the client takes no input */
        (void)tcflush(c->master, TCIFLUSH);          /* nor would it the next time */
        chardev_fd_hang_up(c);
    }
    aio_timer_mod(&c->look, aio_clock_get_ns(AIO_CLOCK_HOST) + LOOK_NS);
}

static void on_hang_up(struct chardev_fd *c)
{
    bql_assert_locked();
    chardev_fd_hang_up(c);
}

/* Makes it raw, in which it stays. Whoever opens and closes it makes it known that
 * nobody is there; before, it looks as if somebody were. */
static bool set_up(const char *name)
{
    struct termios t;
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool ok = fd >= 0 && tcgetattr(fd, &t) == 0;
    if (ok) {
        cfmakeraw(&t);
        ok = tcsetattr(fd, TCSANOW, &t) == 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return ok;
}

int chardev_pty_new(const char *label, struct chardev **out, struct error *err)
{
    char name[64];
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || grantpt(fd) || unlockpt(fd) || ptsname_r(fd, name, sizeof(name)) ||
        !set_up(name)) {
        int rc = error_set(err, errno, "%s: no pseudo terminal: %s", label, error_text(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    struct chardev_fd *c = chardev_fd_new(label, err);
    if (!c) {
        (void)close(fd);
        return -ENOMEM;
    }
    printf("char device redirected to %s (label %s)\n", name, label);
    (void)fflush(stdout);
    c->master = fd;
    c->hung_up = on_hang_up;
    aio_timer_init(&c->look, main_loop_context(), AIO_CLOCK_HOST, on_look, c);
    aio_timer_mod(&c->look, aio_clock_get_ns(AIO_CLOCK_HOST) + LOOK_NS);
    *out = &c->c;
    return 0;
}
