/* A hit counter updated by readers. */
#include <pthread.h>

#include "contracts.h"

struct lookup {
    pthread_rwlock_t lock;
    int value GUARDED_BY(lock);
    long hits GUARDED_BY(lock);
};

int lookup_get(struct lookup *lookup);

int lookup_get(struct lookup *lookup)
{
    int value;

#ifdef FAULTY
    pthread_rwlock_rdlock(&lookup->lock);
#else
    pthread_rwlock_wrlock(&lookup->lock);
#endif
    value = lookup->value;
    lookup->hits++; /* expect: missing-guard */
    pthread_rwlock_unlock(&lookup->lock);
    return value;
}
