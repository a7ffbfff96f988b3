/* Against the order only a trylock may be used: it gives up instead of
 * waiting. */
#include <pthread.h>

#include "contracts.h"

struct page_pool {
    pthread_mutex_t lock;
    long free_pages GUARDED_BY(lock);
};

struct arena {
    pthread_mutex_t lock;
    struct page_pool *pool;
    long pages GUARDED_BY(lock);
};

void arena_grow(struct arena *arena);
int page_pool_steal(struct page_pool *pool, struct arena *arena);

void arena_grow(struct arena *arena)
{
    pthread_mutex_lock(&arena->lock);       /* expect-note: lock-order */
    pthread_mutex_lock(&arena->pool->lock); /* expect-any: lock-order */
    arena->pool->free_pages--;
    arena->pages++;
    pthread_mutex_unlock(&arena->pool->lock);
    pthread_mutex_unlock(&arena->lock);
}

int page_pool_steal(struct page_pool *pool, struct arena *arena)
{
    int stolen = 0;

    pthread_mutex_lock(&pool->lock); /* expect-note: lock-order */
#ifdef FAULTY
    pthread_mutex_lock(&arena->lock); /* expect-any: lock-order */
    arena->pages--;
    pool->free_pages++;
    stolen = 1;
    pthread_mutex_unlock(&arena->lock);
#else
    if (pthread_mutex_trylock(&arena->lock) == 0) {
        arena->pages--;
        pool->free_pages++;
        stolen = 1;
        pthread_mutex_unlock(&arena->lock);
    }
#endif
    pthread_mutex_unlock(&pool->lock);
    return stolen;
}
