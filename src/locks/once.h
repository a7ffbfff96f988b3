/* What happens once, by whoever comes first; all others wait until it has. */
#ifndef MORTISE_LOCKS_ONCE_H
#define MORTISE_LOCKS_ONCE_H

#include <pthread.h>

#include "base/annotations.h"

struct once {
    pthread_once_t control;
};

/* clang-format off */
#define ONCE_INIT {PTHREAD_ONCE_INIT}
/* clang-format on */

static inline void once_run(struct once *o, void (*fn)(void)) MAY_BLOCK
{
    (void)pthread_once(&o->control, fn);
}

#endif
