/* The lock is taken and dropped in each round; break leaves with it held. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct slot {
    pthread_mutex_t lock;
    int id GUARDED_BY(lock);
    int busy GUARDED_BY(lock);
};

int slots_claim(struct slot *slots, size_t count, int id);

int slots_claim(struct slot *slots, size_t count, int id)
{
    int claimed = -1;

    for (size_t i = 0; i < count; i++) {
        struct slot *slot = &slots[i];

        pthread_mutex_lock(&slot->lock); /* expect-note: balance */
        if (slot->id == id && !slot->busy) {
            slot->busy = 1;
            claimed = (int)i;
#ifndef FAULTY
            pthread_mutex_unlock(&slot->lock);
#endif
            break;
        }
        pthread_mutex_unlock(&slot->lock);
    }
    return claimed; /* expect: balance */
}
