/* eventfd(2), and nothing else. The counter can be full if another process that
 * has the descriptor makes it so. Then a set is refused, and a loop that is told
 * of each set, and has been told of the last, would not be told of this one: so
 * the counter is emptied first. Who finds it empty in between sees the set. */
#include "aio/event_notifier.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* In case somebody fills the counter again and again. */
#define SET_TRIES 8

int event_notifier_init(struct event_notifier *e, bool active, struct error *err)
{
    e->fd = eventfd(active, EFD_NONBLOCK | EFD_CLOEXEC);
    if (e->fd < 0) {
        int errnum = errno;

        return error_set(err, errnum, "cannot create an event notifier: %s", error_text(errnum));
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
    uint64_t count;

    for (int tries = 0; tries < SET_TRIES && write(e->fd, &one, sizeof(one)) < 0; tries++) {
        if (errno == EAGAIN) {
            ssize_t ignored = read(e->fd, &count, sizeof(count));

            (void)ignored;
        } else if (errno != EINTR) {
            break;
        }
    }
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
