/* roster_grow wants the lock held, and says so only by what it touches. */
#ifndef ROSTER_H
#define ROSTER_H

#include <pthread.h>

#include "contracts.h"

struct roster {
    pthread_mutex_t lock;
    int players GUARDED_BY(lock);
    int capacity GUARDED_BY(lock);
};

void roster_grow(struct roster *roster) REQUIRES(&roster -> lock);
void roster_join(struct roster *roster);
void roster_reserve(struct roster *roster, int players);

#endif
