/* Readers can be part of a cycle as well, if somebody writes. */
#include <pthread.h>

#include "contracts.h"

struct catalogue {
    pthread_rwlock_t items_lock;
    pthread_rwlock_t prices_lock;
    long items GUARDED_BY(items_lock);
    long prices GUARDED_BY(prices_lock);
};

long catalogue_value(struct catalogue *catalogue);
void catalogue_import(struct catalogue *catalogue);

long catalogue_value(struct catalogue *catalogue)
{
    long value;

    pthread_rwlock_rdlock(&catalogue->items_lock);  /* expect-note: lock-order */
    pthread_rwlock_rdlock(&catalogue->prices_lock); /* expect-any: lock-order */
    value = catalogue->items * catalogue->prices;
    pthread_rwlock_unlock(&catalogue->prices_lock);
    pthread_rwlock_unlock(&catalogue->items_lock);
    return value;
}

void catalogue_import(struct catalogue *catalogue)
{
#ifdef FAULTY
    pthread_rwlock_wrlock(&catalogue->prices_lock); /* expect-note: lock-order */
    pthread_rwlock_wrlock(&catalogue->items_lock);  /* expect-any: lock-order */
#else
    pthread_rwlock_wrlock(&catalogue->items_lock);
    pthread_rwlock_wrlock(&catalogue->prices_lock);
#endif
    catalogue->items++;
    catalogue->prices++;
    pthread_rwlock_unlock(&catalogue->items_lock);
    pthread_rwlock_unlock(&catalogue->prices_lock);
}
