/* A mutable global that two kinds of threads use and nobody accounts for. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

static pthread_mutex_t stats_lock = PTHREAD_MUTEX_INITIALIZER;
#ifdef FAULTY
static long served; /* expect: sharing */
#else
static long served GUARDED_BY(stats_lock);
#endif

void *server_main(void *opaque) THREAD_ENTRY("server");
void *reporter_main(void *opaque) THREAD_ENTRY("reporter");

void *server_main(void *opaque)
{
    pthread_mutex_lock(&stats_lock);
    served++;
    pthread_mutex_unlock(&stats_lock);
    return opaque;
}

void *reporter_main(void *opaque)
{
    long *out = opaque;

    pthread_mutex_lock(&stats_lock);
    *out = served;
    pthread_mutex_unlock(&stats_lock);
    return NULL;
}
