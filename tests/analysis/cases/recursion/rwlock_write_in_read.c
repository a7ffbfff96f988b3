/* An upgrade that cannot be: the writer waits for its own read lock. */
#include <pthread.h>

#include "contracts.h"

struct config {
    pthread_rwlock_t lock;
    int generation GUARDED_BY(lock);
    int stale GUARDED_BY(lock);
};

int config_get(struct config *config);

int config_get(struct config *config)
{
    int generation;

    pthread_rwlock_rdlock(&config->lock); /* expect-note: self-deadlock */
    generation = config->generation;
    if (config->stale) {
#ifndef FAULTY
        pthread_rwlock_unlock(&config->lock);
#endif
        pthread_rwlock_wrlock(&config->lock); /* expect: self-deadlock */
        config->stale = 0;
        generation = ++config->generation;
#ifdef FAULTY
        pthread_rwlock_unlock(&config->lock);
#endif
    }
    pthread_rwlock_unlock(&config->lock);
    return generation;
}
