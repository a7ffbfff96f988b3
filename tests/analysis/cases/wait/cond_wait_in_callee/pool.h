/* A pool of connections: taking one may have to wait. */
#ifndef POOL_H
#define POOL_H

#include <pthread.h>

#include "contracts.h"

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    int idle GUARDED_BY(lock);
};

struct tenant {
    pthread_mutex_t lock;
    struct pool *pool;
    int open GUARDED_BY(lock);
};

void pool_take(struct pool *pool);
void pool_return(struct pool *pool);
void tenant_open(struct tenant *tenant);
void tenant_close(struct tenant *tenant);

#endif
