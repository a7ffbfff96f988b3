/* The lock is taken on one way to the access and not on the other. */
#include <pthread.h>

#include "contracts.h"

struct gauge {
    pthread_mutex_t lock;
    int level GUARDED_BY(lock);
    int shared IMMUTABLE;
};

void gauge_set(struct gauge *gauge, int level, int urgent);

void gauge_set(struct gauge *gauge, int level, int urgent)
{
#ifdef FAULTY
    int locked = !urgent;
#else
    int locked = 1;

    (void)urgent;
#endif
    if (locked) {
        pthread_mutex_lock(&gauge->lock);
    }
    gauge->level = level; /* expect: missing-guard */
    if (locked) {
        pthread_mutex_unlock(&gauge->lock);
    }
}
