/* eventfd(2), and nothing else. The counter cannot overflow in practice (2^64
 * sets), and if it did the set would be refused while the notifier is set
 * already, which is all that anybody asked for. */
#include "aio/event_notifier.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int event_notifier_init(struct event_notifier *e, bool active, struct error *err)
{
    e->fd = eventfd(active, EFD_NONBLOCK | EFD_CLOEXEC);
    if (e->fd < 0) {
        int errnum = errno;

        return error_set(err, errnum, "cannot create an event notifier: %s", strerror(errnum));
    }
    return 0;
}

void event_notifier_cleanup(struct event_notifier *e)
{
    if (e->fd >= 0) {
        close(e->fd);
        e->fd = -1;
    }
}

int event_notifier_get_fd(const struct event_notifier *e)
{
    return e->fd;
}

void event_notifier_set(struct event_notifier *e)
{
    static const uint64_t one = 1;
    int saved = errno;
    ssize_t n;

    do {
        n = write(e->fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
    errno = saved;
}

bool event_notifier_test_and_clear(struct event_notifier *e)
{
    uint64_t count;
    int saved = errno;
    ssize_t n;

    do {
        n = read(e->fd, &count, sizeof(count));
    } while (n < 0 && errno == EINTR);
    errno = saved;
    return n == (ssize_t)sizeof(count);
}
