/* pthread_mutex_trylock gives 0 for success; this reads it as a boolean. */
#include <pthread.h>

#include "contracts.h"

struct beacon {
    pthread_mutex_t lock;
    int pulses;
};

void beacon_pulse(struct beacon *beacon);

void beacon_pulse(struct beacon *beacon)
{
#ifdef FAULTY
    if (pthread_mutex_trylock(&beacon->lock)) { /* expect-note: balance */
        beacon->pulses++;
        pthread_mutex_unlock(&beacon->lock); /* expect: double-release */
    }
#else
    if (!pthread_mutex_trylock(&beacon->lock)) {
        beacon->pulses++;
        pthread_mutex_unlock(&beacon->lock);
    }
#endif
} /* expect: balance */
