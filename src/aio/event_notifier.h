/* A wake-up that can cross threads, signal handlers and processes: an
 * eventfd(2). What was set before it is cleared is seen once, however often it
 * was set. */
#ifndef MORTISE_AIO_EVENT_NOTIFIER_H
#define MORTISE_AIO_EVENT_NOTIFIER_H

#include <stdbool.h>

#include "base/error.h"
#include "base/annotations.h"

struct event_notifier {
    int fd IMMUTABLE_AFTER_INIT;
};

/* active: set from the start. Fails with -EMFILE, -ENFILE, -ENOMEM or
 * -ENODEV, as eventfd does; then there is nothing to clean up. */
NODISCARD int event_notifier_init(struct event_notifier *e, bool active, struct error *err);

/* Nobody uses it any more and no context has a handler for it. */
void event_notifier_cleanup(struct event_notifier *e);

/* For poll(2) and its relatives, or to hand to a kernel interface. */
int event_notifier_get_fd(const struct event_notifier *e);

/* Any thread; signal-safe; never blocks. Releases what the caller did before
 * to whoever clears it. */
void event_notifier_set(struct event_notifier *e) BLOCKING_OK("an eventfd that never blocks");

/* Whether it was set since it was last cleared; clears it. Any thread. */
bool event_notifier_test_and_clear(struct event_notifier *e)
    BLOCKING_OK("an eventfd that never blocks");

#endif
