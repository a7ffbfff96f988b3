/* A check that was added later returns under the lock. */
#include <errno.h>
#include <pthread.h>

#include "contracts.h"

struct volume {
    pthread_mutex_t lock;
    long used GUARDED_BY(lock);
    long size GUARDED_BY(lock);
};

int volume_reserve(struct volume *volume, long bytes);

int volume_reserve(struct volume *volume, long bytes)
{
    pthread_mutex_lock(&volume->lock); /* expect-note: balance */
    if (volume->used + bytes > volume->size) {
#ifndef FAULTY
        pthread_mutex_unlock(&volume->lock);
#endif
        return -ENOSPC; /* expect: balance */
    }
    volume->used += bytes;
    pthread_mutex_unlock(&volume->lock);
    return 0;
}
