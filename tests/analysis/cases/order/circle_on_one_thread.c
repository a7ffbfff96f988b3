/* Two orders of two locks: a deadlock if two threads go the two ways, none if
 * it is one thread that goes now this way, now that. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t index_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t store_lock = PTHREAD_MUTEX_INITIALIZER;
static int index_entries GUARDED_BY(index_lock);
static int store_entries GUARDED_BY(store_lock);

static void index_to_store(void)
{
    pthread_mutex_lock(&index_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&store_lock); /* expect-any: lock-order */
    store_entries += index_entries;
    pthread_mutex_unlock(&store_lock);
    pthread_mutex_unlock(&index_lock);
}

static void store_to_index(void)
{
    pthread_mutex_lock(&store_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&index_lock); /* expect-any: lock-order */
    index_entries += store_entries;
    pthread_mutex_unlock(&index_lock);
    pthread_mutex_unlock(&store_lock);
}

static void *compact(void *arg)
{
    index_to_store();
#ifndef FAULTY
    store_to_index();
#endif
    return arg;
}

#ifdef FAULTY
static void *rebuild(void *arg)
{
    store_to_index();
    return arg;
}
#endif

int main(void)
{
    pthread_t first;

    if (pthread_create(&first, NULL, compact, NULL) != 0) {
        return 1;
    }
#ifdef FAULTY
    pthread_t second;

    if (pthread_create(&second, NULL, rebuild, NULL) != 0) {
        return 1;
    }
    pthread_join(second, NULL);
#endif
    pthread_join(first, NULL);
    return 0;
}
