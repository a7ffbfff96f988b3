/* A pool of threads with a queue of work. */
#ifndef POOL_H
#define POOL_H

#include <pthread.h>

#include "contracts.h"

struct work {
    struct work *next;
    void (*run)(struct work *work);
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    struct work *head GUARDED_BY(lock);
    int stopping GUARDED_BY(lock);
    int active GUARDED_BY(lock);
};

int pool_start(struct pool *pool);
void pool_submit(struct pool *pool, struct work *work, void (*run)(struct work *work));
int scanner_scan(struct pool *pool, int files);

#endif
