#include "daemon.h"

pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
static int loaded GUARDED_BY(state_lock);
static int stopped GUARDED_BY(state_lock);

void state_reload(void)
{
    pthread_mutex_lock(&state_lock); /* expect-note: wait */
    loaded = !stopped;
    pthread_mutex_unlock(&state_lock);
}

void daemon_shutdown(pthread_t watcher)
{
    pthread_mutex_lock(&state_lock); /* expect-note: wait */
    stopped = 1;
#ifdef FAULTY
    watcher_join(watcher); /* expect: wait */
    pthread_mutex_unlock(&state_lock);
#else
    pthread_mutex_unlock(&state_lock);
    watcher_join(watcher);
#endif
}
