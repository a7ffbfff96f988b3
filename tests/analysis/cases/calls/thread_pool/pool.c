#include <stddef.h>

#include "pool.h"

static void *pool_main(void *opaque)
{
    struct pool *pool = opaque;
    struct work *work;

    pthread_mutex_lock(&pool->lock); /* expect-note: lock-order */
    while (!pool->stopping) {
        work = pool->head;
        if (work == NULL) {
            pthread_cond_wait(&pool->ready, &pool->lock);
            continue;
        }
        pool->head = work->next;
        pool->active++;
#ifdef FAULTY
        work->run(work); /* expect-any: lock-order */
#else
        pthread_mutex_unlock(&pool->lock);
        work->run(work);
        pthread_mutex_lock(&pool->lock);
#endif
        pool->active--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int pool_start(struct pool *pool)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, pool_main, pool);
}

void pool_submit(struct pool *pool, struct work *work, void (*run)(struct work *work))
{
    work->run = run;
    pthread_mutex_lock(&pool->lock); /* expect-note: lock-order */
    work->next = pool->head;
    pool->head = work;
    pthread_cond_signal(&pool->ready);
    pthread_mutex_unlock(&pool->lock);
}
