/* A trylock that may have failed, and an unlock that does not ask. */
#include <pthread.h>

#include "contracts.h"

struct sensor {
    pthread_mutex_t lock;
    int samples;
};

int sensor_poll(struct sensor *sensor);

int sensor_poll(struct sensor *sensor)
{
#ifdef FAULTY
    pthread_mutex_trylock(&sensor->lock); /* expect-note: double-release */
#else
    if (pthread_mutex_trylock(&sensor->lock) != 0) {
        return 0;
    }
#endif
    sensor->samples++;
    pthread_mutex_unlock(&sensor->lock); /* expect: double-release */
    return 1;
}
