/* A finding that somebody has looked at is silent, with the reason in the
 * code. */
#include <pthread.h>

#include "contracts.h"

struct probe {
    pthread_mutex_t lock;
    unsigned long reads GUARDED_BY(lock);
};

#ifdef FAULTY
unsigned long probe_reads(struct probe *probe);
#else
unsigned long probe_reads(struct probe *probe)
    SUPPRESS("missing-guard", "a torn or stale number does no harm in a log line");
#endif
void probe_count(struct probe *probe);

unsigned long probe_reads(struct probe *probe)
{
    return probe->reads; /* expect: missing-guard */
}

void probe_count(struct probe *probe)
{
    pthread_mutex_lock(&probe->lock);
    probe->reads++;
    pthread_mutex_unlock(&probe->lock);
}
