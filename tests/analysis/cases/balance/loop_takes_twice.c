/* continue skips the unlock: the next round takes the lock again. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct batch {
    pthread_mutex_t lock;
    long sum GUARDED_BY(lock);
};

void batch_add(struct batch *batch, const int *values, size_t count);

void batch_add(struct batch *batch, const int *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
#ifdef FAULTY
        pthread_mutex_lock(&batch->lock); /* expect: self-deadlock */
        if (values[i] < 0) {
            continue;
        }
#else
        if (values[i] < 0) {
            continue;
        }
        pthread_mutex_lock(&batch->lock);
#endif
        batch->sum += values[i];
        pthread_mutex_unlock(&batch->lock);
    }
} /* expect: balance */
