/* A bounded cache of name lookups. */
#ifndef CACHE_H
#define CACHE_H

#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct cache {
    pthread_mutex_t lock;
    size_t used GUARDED_BY(lock);
    size_t limit;
};

void cache_add(struct cache *cache);
void cache_evict(struct cache *cache);
void cache_evict_locked(struct cache *cache) REQUIRES(&cache -> lock);

#endif
