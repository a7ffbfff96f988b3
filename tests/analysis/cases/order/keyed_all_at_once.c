/* All buckets are locked to resize the table, in order, and unlocked again;
 * who has one of them already must not come here. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

#define BUCKETS 16

struct bucket {
    pthread_mutex_t lock KEYED_ASCENDING;
    int *slots GUARDED_BY(lock);
};

struct hash {
    struct bucket buckets[BUCKETS];
};

int hash_resize(struct hash *hash, size_t slots);

static void lock_all(struct hash *hash)
{
    for (int i = 0; i < BUCKETS; i++) {
        pthread_mutex_lock(&hash->buckets[i].lock);
    }
}

static void unlock_all(struct hash *hash)
{
    for (int i = BUCKETS - 1; i >= 0; i--) {
        pthread_mutex_unlock(&hash->buckets[i].lock);
    }
}

int hash_resize(struct hash *hash, size_t slots)
{
    int *fresh;

#ifdef FAULTY
    pthread_mutex_lock(&hash->buckets[3].lock); /* expect-note: key-order */
    lock_all(hash);                             /* expect: key-order */
#else
    lock_all(hash);
#endif
    fresh = calloc(slots, sizeof(*fresh));
    if (fresh == NULL) {
        unlock_all(hash);
        return -ENOMEM;
    }
    free(hash->buckets[0].slots);
    hash->buckets[0].slots = fresh;
    unlock_all(hash);
    return 0;
}
