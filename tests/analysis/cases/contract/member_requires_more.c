/* A function in the table wants a lock that callers of the member do not
 * have. */
#include <pthread.h>

#include "contracts.h"

struct tty {
    pthread_mutex_t lock;
    int rows GUARDED_BY(lock);
    int bytes;
};

struct tty_ops {
    void (*resize)(struct tty *tty, int rows) REQUIRES(tty->lock);
    void (*hangup)(struct tty *tty) EXCLUDES(tty->lock); /* expect-note: contract */
};

static void console_resize(struct tty *tty, int rows) REQUIRES(&tty -> lock);
#ifdef FAULTY
static void console_hangup(struct tty *tty) REQUIRES(&tty -> lock);
#else
static void console_hangup(struct tty *tty) EXCLUDES(&tty -> lock);
#endif

static void console_resize(struct tty *tty, int rows)
{
    tty->rows = rows;
}

static void console_hangup(struct tty *tty)
{
#ifndef FAULTY
    pthread_mutex_lock(&tty->lock);
#endif
    tty->rows = 0;
#ifndef FAULTY
    pthread_mutex_unlock(&tty->lock);
#endif
}

extern const struct tty_ops console_ops;

const struct tty_ops console_ops = {
    .resize = console_resize, .hangup = console_hangup, /* expect: contract */
};
