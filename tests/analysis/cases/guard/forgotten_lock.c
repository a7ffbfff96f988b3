/* One of the accessors forgets the lock. */
#include <pthread.h>

#include "contracts.h"

struct meter {
    pthread_mutex_t lock;
    unsigned long bytes GUARDED_BY(lock);
    unsigned long packets GUARDED_BY(lock);
};

void meter_add(struct meter *meter, unsigned long bytes);
unsigned long meter_bytes(struct meter *meter);

void meter_add(struct meter *meter, unsigned long bytes)
{
    pthread_mutex_lock(&meter->lock);
    meter->bytes += bytes;
    meter->packets++;
    pthread_mutex_unlock(&meter->lock);
}

unsigned long meter_bytes(struct meter *meter)
{
#ifdef FAULTY
    return meter->bytes; /* expect: missing-guard */
#else
    unsigned long bytes;

    pthread_mutex_lock(&meter->lock);
    bytes = meter->bytes;
    pthread_mutex_unlock(&meter->lock);
    return bytes;
#endif
}
