/* The callback is called without the list's lock, says its contract, so that
 * it may use the list. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

static pthread_mutex_t watchers_lock = PTHREAD_MUTEX_INITIALIZER;

struct watcher {
    void (*notify)(struct watcher *watcher) EXCLUDES(watchers_lock);
    struct watcher *next GUARDED_BY(watchers_lock);
};

static struct watcher *watchers GUARDED_BY(watchers_lock);

void watchers_notify_first(void);

void watchers_notify_first(void)
{
    struct watcher *watcher;

    pthread_mutex_lock(&watchers_lock); /* expect-note: contract */
    watcher = watchers;
#ifdef FAULTY
    if (watcher != NULL) {
        watcher->notify(watcher); /* expect: contract */
    }
    pthread_mutex_unlock(&watchers_lock);
#else
    pthread_mutex_unlock(&watchers_lock);
    if (watcher != NULL) {
        watcher->notify(watcher);
    }
#endif
}
