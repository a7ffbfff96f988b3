/* Rooms register their locks, and whoever stops the world takes them all
 * through the pointers: first or last, that must be where the rooms expect it. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define MAX_LOCKS 8

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t *registered[MAX_LOCKS] GUARDED_BY(list_lock);
static size_t count GUARDED_BY(list_lock);

static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static int pooled GUARDED_BY(pool_lock);
static int cached GUARDED_BY(cache_lock);

static void lock_register(pthread_mutex_t *lock)
{
    pthread_mutex_lock(&list_lock);
    if (count < MAX_LOCKS) {
        registered[count++] = lock;
    }
    pthread_mutex_unlock(&list_lock);
}

void rooms_init(void);
void rooms_init(void)
{
    lock_register(&pool_lock); /* expect-note: lock-order */
    lock_register(&cache_lock);
}

void pool_put(void);
void pool_put(void)
{
    pthread_mutex_lock(&world_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&pool_lock);  /* expect-any: lock-order */
    pooled++;
    pthread_mutex_unlock(&pool_lock);
    pthread_mutex_unlock(&world_lock);
    pthread_mutex_lock(&cache_lock);
    cached++;
    pthread_mutex_unlock(&cache_lock);
}

void world_visit(void (*visitor)(void));
void world_visit(void (*visitor)(void))
{
    pthread_mutex_lock(&list_lock);
#ifndef FAULTY
    pthread_mutex_lock(&world_lock);
#endif
    for (size_t i = 0; i < count; i++) {
        pthread_mutex_lock(registered[i]); /* expect-note: lock-order */
    }
#ifdef FAULTY
    pthread_mutex_lock(&world_lock); /* expect-any: lock-order */
#endif
    visitor();
    pthread_mutex_unlock(&world_lock);
    for (size_t i = count; i-- > 0;) {
        pthread_mutex_unlock(registered[i]);
    }
    pthread_mutex_unlock(&list_lock);
}
