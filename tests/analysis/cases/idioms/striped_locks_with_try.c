/* Item locks by hash; the cruncher only tries them and keeps what it got in a
 * pointer. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "contracts.h"

#define ITEM_LOCKS 1024

static pthread_mutex_t item_locks[ITEM_LOCKS];

struct item {
    uint32_t hash;
    int refcount;
    struct item *next;
};

void item_touch(struct item *item);
int items_crunch(struct item *head, int limit);

static void item_lock(uint32_t hash)
{
    pthread_mutex_lock(&item_locks[hash % ITEM_LOCKS]);
}

static void item_unlock(uint32_t hash)
{
    pthread_mutex_unlock(&item_locks[hash % ITEM_LOCKS]);
}

static void *item_trylock(uint32_t hash)
{
    pthread_mutex_t *lock = &item_locks[hash % ITEM_LOCKS];

    if (pthread_mutex_trylock(lock) == 0) { /* expect-note: balance */
        return lock;
    }
    return NULL;
}

static void item_trylock_unlock(void *lock)
{
    pthread_mutex_unlock((pthread_mutex_t *)lock);
}

void item_touch(struct item *item)
{
    item_lock(item->hash);
    item->refcount++;
    item_unlock(item->hash);
}

int items_crunch(struct item *head, int limit)
{
    int freed = 0;
    void *held;

    for (struct item *item = head; item != NULL; item = item->next) {
        held = item_trylock(item->hash); /* expect-note: balance */
        if (held == NULL) {
            continue;
        }
        if (item->refcount == 0) {
            freed++;
        }
#ifdef FAULTY
        if (freed == limit) {
            break;
        }
        item_trylock_unlock(held);
#else
        item_trylock_unlock(held);
        if (freed == limit) {
            break;
        }
#endif
    }
    return freed; /* expect: balance */
}
