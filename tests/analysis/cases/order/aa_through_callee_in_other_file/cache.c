#include "cache.h"

void cache_add(struct cache *cache)
{
    pthread_mutex_lock(&cache->lock); /* expect-note: self-deadlock */
    if (cache->used == cache->limit) {
#ifdef FAULTY
        cache_evict(cache); /* expect: self-deadlock */
#else
        cache_evict_locked(cache);
#endif
    }
    cache->used++;
    pthread_mutex_unlock(&cache->lock);
}
