#include "print.h"

pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static int jobs GUARDED_BY(queue_lock);
static int held GUARDED_BY(queue_lock);

void queue_dispatch(void)
{
    pthread_mutex_lock(&queue_lock); /* expect-note: lock-order */
    if (jobs > 0 && !held) {
        jobs--;
        printer_start(); /* expect-any: lock-order */
    }
    pthread_mutex_unlock(&queue_lock);
}

void queue_hold(void)
{
    pthread_mutex_lock(&queue_lock); /* expect-note: lock-order */
    held = 1;
    pthread_mutex_unlock(&queue_lock);
}
