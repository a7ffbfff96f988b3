/* The same circle of three, met in another order: the closing edge stands
 * first in the file, and the locks are globals. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t route_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t neighbour_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;
static int routes GUARDED_BY(route_lock);
static int neighbours GUARDED_BY(neighbour_lock);
static int devices GUARDED_BY(device_lock);

void device_remove(void);
void neighbour_probe(void);
void route_add(void);

void device_remove(void)
{
    pthread_mutex_lock(&device_lock); /* expect-note: lock-order */
    devices--;
#ifdef FAULTY
    pthread_mutex_lock(&route_lock); /* expect-any: lock-order */
    routes = 0;
    pthread_mutex_unlock(&route_lock);
    pthread_mutex_unlock(&device_lock);
#else
    pthread_mutex_unlock(&device_lock);
    pthread_mutex_lock(&route_lock);
    routes = 0;
    pthread_mutex_unlock(&route_lock);
#endif
}

void neighbour_probe(void)
{
    pthread_mutex_lock(&neighbour_lock); /* expect-note: lock-order */
    neighbours++;
    pthread_mutex_lock(&device_lock); /* expect-any: lock-order */
    devices++;
    pthread_mutex_unlock(&device_lock);
    pthread_mutex_unlock(&neighbour_lock);
}

void route_add(void)
{
    pthread_mutex_lock(&route_lock);     /* expect-note: lock-order */
    pthread_mutex_lock(&neighbour_lock); /* expect-any: lock-order */
    routes++;
    neighbours++;
    pthread_mutex_unlock(&neighbour_lock);
    pthread_mutex_unlock(&route_lock);
}
