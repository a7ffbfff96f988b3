/* A static local is a global in disguise. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "contracts.h"

void *worker_main(void *opaque) THREAD_ENTRY("worker");
void *timer_main(void *opaque) THREAD_ENTRY("timer");

static int next_id(void)
{
#ifdef FAULTY
    static int last; /* expect: sharing */

    return ++last;
#else
    static atomic_int last;

    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
#endif
}

void *worker_main(void *opaque)
{
    int *id = opaque;

    *id = next_id();
    return NULL;
}

void *timer_main(void *opaque)
{
    int *id = opaque;

    *id = -next_id();
    return NULL;
}
