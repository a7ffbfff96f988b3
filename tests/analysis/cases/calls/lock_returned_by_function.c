/* Which lock guards a bucket is computed by a function. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define STRIPES 32

struct table {
    pthread_mutex_t stripes[STRIPES];
    pthread_mutex_t resize_lock;
    size_t size GUARDED_BY(resize_lock);
};

static pthread_mutex_t *table_stripe(struct table *table, size_t hash)
{
    return &table->stripes[hash % STRIPES];
}

int table_insert(struct table *table, size_t hash);
void table_resize(struct table *table);

int table_insert(struct table *table, size_t hash)
{
    pthread_mutex_t *stripe = table_stripe(table, hash);
    size_t size;

#ifdef FAULTY
    pthread_mutex_lock(stripe);              /* expect-note: lock-order */
    pthread_mutex_lock(&table->resize_lock); /* expect-any: lock-order */
    size = ++table->size;
    pthread_mutex_unlock(&table->resize_lock);
#else
    pthread_mutex_lock(&table->resize_lock);
    size = ++table->size;
    pthread_mutex_unlock(&table->resize_lock);
    pthread_mutex_lock(stripe);
#endif
    pthread_mutex_unlock(stripe);
    return size > 2 * STRIPES;
}

void table_resize(struct table *table)
{
    pthread_mutex_lock(&table->resize_lock); /* expect-note: lock-order */
    table->size *= 2;
    pthread_mutex_lock(table_stripe(table, 0)); /* expect-any: lock-order */
    pthread_mutex_unlock(table_stripe(table, 0));
    pthread_mutex_unlock(&table->resize_lock);
}
