/* The code was mended; the suppression has to go with the fault. */
#include <pthread.h>

#include "contracts.h"

struct probe {
    pthread_mutex_t lock;
    unsigned long writes GUARDED_BY(lock);
};

#ifdef FAULTY
SUPPRESS("missing-guard", "only for a log line")
unsigned long probe_writes(struct probe *probe); /* expect: suppression */
#else
unsigned long probe_writes(struct probe *probe);
#endif

unsigned long probe_writes(struct probe *probe)
{
    unsigned long writes;

    pthread_mutex_lock(&probe->lock);
    writes = probe->writes;
    pthread_mutex_unlock(&probe->lock);
    return writes;
}
