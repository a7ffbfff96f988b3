/* All registered locks are taken in the order in which they came; nobody else
 * may take two of them, since that order is known to nobody. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define MAX_LOCKS 8

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t *registered[MAX_LOCKS] GUARDED_BY(list_lock);
static size_t count GUARDED_BY(list_lock);

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static int pooled GUARDED_BY(pool_lock);
static int cached GUARDED_BY(cache_lock);

void lock_register(pthread_mutex_t *lock);
void lock_register(pthread_mutex_t *lock)
{
    pthread_mutex_lock(&list_lock);
    if (count < MAX_LOCKS) {
        registered[count++] = lock;
    }
    pthread_mutex_unlock(&list_lock);
}

void pool_init(void);
void pool_init(void)
{
    lock_register(&pool_lock);
}

void cache_init(void);
void cache_init(void)
{
    lock_register(&cache_lock);
}

void cache_to_pool(void);
void cache_to_pool(void)
{
    int found;

    pthread_mutex_lock(&cache_lock); /* expect-note: lock-order */
    found = cached;
    cached = 0;
#ifndef FAULTY
    pthread_mutex_unlock(&cache_lock);
#endif
    pthread_mutex_lock(&pool_lock); /* expect-any: lock-order */
    pooled += found;
    pthread_mutex_unlock(&pool_lock);
#ifdef FAULTY
    pthread_mutex_unlock(&cache_lock);
#endif
}

void world_visit(void (*visitor)(void));
void world_visit(void (*visitor)(void))
{
    pthread_mutex_lock(&list_lock);
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(registered[i]); /* expect-any: lock-order */
    }
    visitor();
    for (size_t i = count; i-- > 0;) {
        pthread_mutex_unlock(registered[i]);
    }
    pthread_mutex_unlock(&list_lock);
}
