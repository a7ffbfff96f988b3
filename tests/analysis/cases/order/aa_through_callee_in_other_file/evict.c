#include "cache.h"

void cache_evict_locked(struct cache *cache)
{
    cache->used /= 2;
}

void cache_evict(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock); /* expect-note: self-deadlock */
    cache_evict_locked(cache);
    pthread_mutex_unlock(&cache->lock);
}
