/* "Because I say so" is no reason, and nothing is even less. */
#include <pthread.h>

#include "contracts.h"

struct probe {
    pthread_mutex_t lock;
    unsigned long errors GUARDED_BY(lock);
};

#ifdef FAULTY
SUPPRESS("missing-guard", "")
unsigned long probe_errors(struct probe *probe); /* expect: suppression */
#else
SUPPRESS("missing-guard", "read by the watchdog, which must not wait for the lock")
unsigned long probe_errors(struct probe *probe);
#endif

unsigned long probe_errors(struct probe *probe)
{
    return probe->errors; /* expect: missing-guard */
}
