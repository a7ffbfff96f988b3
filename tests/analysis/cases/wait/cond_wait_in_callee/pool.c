#include "pool.h"

void pool_take(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->idle == 0) {
        pthread_cond_wait(&pool->returned, &pool->lock); /* expect-note: wait */
    }
    pool->idle--;
    pthread_mutex_unlock(&pool->lock);
}

void pool_return(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle++;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}
