#include <stddef.h>

#include "registry.h"

struct record *registry_find(struct record *head, int key)
{
    for (struct record *record = head; record != NULL; record = record->next) {
        if (record->key == key) {
            pthread_mutex_lock(&record->lock); /* expect-note: balance */
            return record;
        }
    }
    return NULL;
}

void registry_put_back(struct record *record)
{
    pthread_mutex_unlock(&record->lock);
}
