/* A reader function called by the writer. */
#include <pthread.h>

#include "contracts.h"

struct zone {
    pthread_rwlock_t lock;
    int serial GUARDED_BY(lock);
};

int zone_serial(struct zone *zone);
int zone_update(struct zone *zone);

int zone_serial(struct zone *zone)
{
    int serial;

    pthread_rwlock_rdlock(&zone->lock); /* expect-note: self-deadlock */
    serial = zone->serial;
    pthread_rwlock_unlock(&zone->lock);
    return serial;
}

int zone_update(struct zone *zone)
{
    int serial;

    pthread_rwlock_wrlock(&zone->lock); /* expect-note: self-deadlock */
    zone->serial++;
#ifdef FAULTY
    serial = zone_serial(zone); /* expect: self-deadlock */
#else
    serial = zone->serial;
#endif
    pthread_rwlock_unlock(&zone->lock);
    return serial;
}
