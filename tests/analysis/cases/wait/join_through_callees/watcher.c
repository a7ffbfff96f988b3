#include "daemon.h"

static void *watcher_main(void *opaque)
{
    (void)opaque;
    state_reload(); /* expect-note: wait */
    return NULL;
}

int watcher_start(pthread_t *thread)
{
    return pthread_create(thread, NULL, watcher_main, NULL);
}

void watcher_join(pthread_t thread)
{
    pthread_join(thread, NULL); /* expect-note: wait */
}
