/* The guarded array is written through a pointer to one of its elements. */
#include <pthread.h>

#include "contracts.h"

void count(unsigned key);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long counters[16] GUARDED_BY(lock);

void count(unsigned key)
{
    unsigned long *counter = &counters[key % 16];

#ifdef FAULTY
    *counter += 1; /* expect: missing-guard */
    pthread_mutex_lock(&lock);
#else
    pthread_mutex_lock(&lock);
    *counter += 1;
#endif
    pthread_mutex_unlock(&lock);
}
