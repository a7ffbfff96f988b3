#include "dbg_mutex.h"

struct buffer_pool {
    dbg_mutex_t free_mutex;
    dbg_mutex_t flush_mutex;
    long free_pages;
    long dirty_pages;
};

void buffer_pool_take(struct buffer_pool *pool);
int buffer_pool_flush(struct buffer_pool *pool, long most);

void buffer_pool_take(struct buffer_pool *pool)
{
    mutex_enter(&pool->free_mutex); /* expect-note: lock-order */
    if (pool->free_pages == 0) {
        mutex_enter(&pool->flush_mutex); /* expect-any: lock-order */
        pool->dirty_pages = 0;
        mutex_leave(&pool->flush_mutex);
        pool->free_pages++;
    }
    pool->free_pages--;
    mutex_leave(&pool->free_mutex);
}

int buffer_pool_flush(struct buffer_pool *pool, long most)
{
    mutex_enter(&pool->flush_mutex); /* expect-note: lock-order */
    if (pool->dirty_pages > most) {
        mutex_leave(&pool->flush_mutex);
        return -1;
    }
    pool->dirty_pages = 0;
#ifndef FAULTY
    mutex_leave(&pool->flush_mutex);
#endif
    mutex_enter(&pool->free_mutex); /* expect-any: lock-order */
    pool->free_pages++;
    mutex_leave(&pool->free_mutex);
#ifdef FAULTY
    mutex_leave(&pool->flush_mutex);
#endif
    return 0;
}
