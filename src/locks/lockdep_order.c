/* Writes each order of two classes down when it is first seen, if the
 * environment says where: MORTISE_LOCKDEP_ORDER=DIR. mortise-lockcheck
 * --confirm compares that with what it derived from the source.
 *
 * A process has a file of its own, lock-order.PID, and a line is appended by one
 * write with the file opened for just that. So nothing has to be done when the
 * process forks, executes another program or is killed, and no descriptor is
 * there for a guest to stumble over. What cannot be written is lost without a
 * word: it is evidence, not output. */
#include "locks/lockdep_state.h"

#ifdef MORTISE_LOCKDEP

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Empty: nothing is written. Short, since signal handlers have small stacks. */
static char directory[256] IMMUTABLE_AFTER_INIT;

/* The environment is read once: what a guest does to its own is not for us. */
__attribute__((constructor)) static void start(void)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no second thread yet */
    const char *value = getenv("MORTISE_LOCKDEP_ORDER");
    size_t length = value ? strlen(value) : 0;

    if (length < sizeof(directory) && value) {
        memcpy(directory, value, length + 1);
    }
}

void lockdep_order_write(const struct lockdep_held *held, const struct lockdep_held *want)
{
    char path[sizeof(directory) + 32], line[512];
    int saved = errno, length, fd;
    struct rlimit limit;

    if (!directory[0]) {
        return;
    }
    /* Where a guest has a limit on the size of files, writing may be a signal. */
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/lock-order.%d", directory, getpid());
    length = snprintf(line, sizeof(line), "EDGE \"%s\" \"%s\" %s %s\n", held->lc->name,
                      want->lc->name, lockdep_site_name(held->site), lockdep_site_name(want->site));
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd >= 0) {
        if (length < (int)sizeof(line)) {
            (void)!write(fd, line, (size_t)length);
        }
        close(fd);
    }
    errno = saved;
}

#endif
