/* A list that a lock guards is only ever touched by functions that get its
 * address: who passes it needs the lock. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct link {
    struct link *next, *prev;
};

struct pool {
    pthread_mutex_t lock, other;
    struct link free GUARDED_BY(lock);
};

void pool_put(struct pool *pool, struct link *link);

static void list_append(struct link *list, struct link *link)
{
    link->next = list;
    link->prev = list->prev;
    list->prev->next = link;
    list->prev = link;
}

void pool_put(struct pool *pool, struct link *link)
{
#ifdef FAULTY
    pthread_mutex_lock(&pool->other);
    list_append(&pool->free, link); /* expect: missing-guard */
    pthread_mutex_unlock(&pool->other);
#else
    pthread_mutex_lock(&pool->lock);
    list_append(&pool->free, link);
    pthread_mutex_unlock(&pool->lock);
#endif
}
