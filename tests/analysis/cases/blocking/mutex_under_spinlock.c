/* A mutex may sleep, so it is not taken under a spinlock; nor is a condition
 * waited for. */
/* needs: ck */
#include <ck_spinlock.h>
#include <pthread.h>

#include "contracts.h"

struct gateway {
    ck_spinlock_t fast_lock;
    int packets GUARDED_BY(fast_lock);
    pthread_mutex_t slow_lock;
    int reports GUARDED_BY(slow_lock);
};

void gateway_report(struct gateway *gateway);

void gateway_report(struct gateway *gateway)
{
    int packets;

    ck_spinlock_lock(&gateway->fast_lock); /* expect-note: blocking */
    packets = gateway->packets;
    gateway->packets = 0;
#ifndef FAULTY
    ck_spinlock_unlock(&gateway->fast_lock);
#endif
    pthread_mutex_lock(&gateway->slow_lock); /* expect: blocking */
    gateway->reports += packets;
    pthread_mutex_unlock(&gateway->slow_lock);
#ifdef FAULTY
    ck_spinlock_unlock(&gateway->fast_lock);
#endif
}
