/* Character devices on terminals of the host by their device file: a serial line, which is
 * set to 115200 baud, eight bits and no parity, or somebody's pseudo terminal. */
#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "hw/chardev_internal.h"

static void make_raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        t.c_cflag |= CLOCAL | CREAD;
        (void)cfsetspeed(&t, B115200);
        (void)tcsetattr(fd, TCSANOW, &t);
    }
}

int chardev_tty_new(const char *label, const char *path, struct chardev **out, struct error *err)
{
    int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct chardev_fd *c;

    if (fd < 0) {
        return error_set(err, errno, "%s: cannot open %s: %s", label, path, error_text(errno));
    }
    c = chardev_fd_new(label, err);
    if (!c) {
        (void)close(fd);
        return -ENOMEM;
    }
    make_raw(fd);
    chardev_fd_start(c, fd, fd);
    *out = &c->c;
    return 0;
}
