/* The lock was renamed, the annotation was not. */
#include <pthread.h>

#include "contracts.h"

struct ballot {
    pthread_mutex_t box_lock;
#ifdef FAULTY
    int papers GUARDED_BY(box->lock); /* expect: annotation */
#else
    int papers GUARDED_BY(box_lock);
#endif
};

void ballot_cast(struct ballot *ballot);

void ballot_cast(struct ballot *ballot)
{
    pthread_mutex_lock(&ballot->box_lock);
    ballot->papers++;
    pthread_mutex_unlock(&ballot->box_lock);
}
