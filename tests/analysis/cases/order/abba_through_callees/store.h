/* A key-value store with a journal. */
#ifndef STORE_H
#define STORE_H

#include <pthread.h>

#include "contracts.h"

struct journal {
    pthread_mutex_t lock;
    unsigned long offset GUARDED_BY(lock);
};

struct store {
    pthread_mutex_t lock;
    unsigned long keys GUARDED_BY(lock);
    struct journal *journal;
};

void store_put(struct store *store);
void store_compact(struct store *store) REQUIRES(&store -> lock);
void journal_append(struct journal *journal, unsigned long length);
void journal_rotate(struct journal *journal, struct store *store);

#endif
