/* Shards are locked by ascending number; moving an entry took them as they
 * came. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define SHARDS 16

struct shard {
    pthread_mutex_t lock KEYED_ASCENDING;
    long entries GUARDED_BY(lock);
};

static struct shard shards[SHARDS];

void shard_rebalance(void);

/* Half of the last shard goes to the first. */
void shard_rebalance(void)
{
    long half;

#ifdef FAULTY
    pthread_mutex_lock(&shards[SHARDS - 1].lock); /* expect-note: key-order */
    pthread_mutex_lock(&shards[0].lock);          /* expect: key-order */
#else
    pthread_mutex_lock(&shards[0].lock);
    pthread_mutex_lock(&shards[SHARDS - 1].lock);
#endif
    half = shards[SHARDS - 1].entries / 2;
    shards[0].entries += half;
    shards[SHARDS - 1].entries -= half;
    pthread_mutex_unlock(&shards[0].lock);
    pthread_mutex_unlock(&shards[SHARDS - 1].lock);
}
