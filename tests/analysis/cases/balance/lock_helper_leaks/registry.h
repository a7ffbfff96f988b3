/* registry_find returns with the entry's lock held if it finds one; who calls
 * it has to drop it. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <pthread.h>

#include "contracts.h"

struct record {
    pthread_mutex_t lock;
    struct record *next;
    int key;
    int value GUARDED_BY(lock);
};

struct record *registry_find(struct record *head, int key);
void registry_put_back(struct record *record);
int registry_read(struct record *head, int key);

#endif
