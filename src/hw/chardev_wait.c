/* Waiting at the start, before there is a main loop: for a client, for an answer, for a reader
 * of a FIFO. The signals that end the process are blocked by then, and come by a descriptor;
 * so that is waited for, too. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "hw/chardev_internal.h"

#define LOOK_MS 50 /* between looks for what cannot be waited for */

static int interrupt_fd OWNED_BY(the main thread) = -1;

void chardev_set_interrupt(int fd)
{
    interrupt_fd = fd;
}

int chardev_wait(int fd, short events, int ms)
{
    struct pollfd p[2] = {{.fd = fd, .events = events}, {.fd = interrupt_fd, .events = POLLIN}};
    int n;
    do {
        n = poll(p, 2, ms);
    } while (n < 0 && errno == EINTR);
    return p[1].revents ? -EINTR : n < 0 ? -errno : 0;
}

static int finish_connect(int fd)
{
    int result = 0;
    socklen_t size = sizeof(result);
    int rc = chardev_wait(fd, POLLOUT, -1);
    if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) < 0) {
        rc = -errno;
    }
    return rc ? rc : -result;
}

/* A local socket whose queue is full cannot be waited for. */
int chardev_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return -errno;
    }
    while (connect(fd, address, len) < 0) {
        if (errno == EINPROGRESS) {
            return finish_connect(fd);
        }
        if (errno != EAGAIN || address->sa_family != AF_UNIX) {
            return -errno;
        }
        int rc = chardev_wait(-1, 0, LOOK_MS);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

/* A FIFO without a reader is opened when there is one. */
int chardev_open_output(const char *path, bool append)
{
    int flags = O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC);
    struct stat st;
    for (;;) {
        int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
        if (fd >= 0) {
            return fd;
        }
        if (errno != ENXIO || stat(path, &st) < 0 || !S_ISFIFO(st.st_mode)) {
            return -errno;
        }
        int rc = chardev_wait(-1, 0, LOOK_MS);
        if (rc) {
            return rc;
        }
    }
}
