/* Two objects of a class, locked in the order of their addresses. */
#include <pthread.h>
#include <stdint.h>

#include "contracts.h"

struct wallet {
    pthread_mutex_t lock;
    long coins GUARDED_BY(lock);
};

void wallet_transfer(struct wallet *from, struct wallet *to, long coins);

void wallet_transfer(struct wallet *from, struct wallet *to, long coins)
{
    if (from == to) {
        return;
    }
#ifdef FAULTY
    pthread_mutex_lock(&from->lock); /* expect-note: lock-order */
    pthread_mutex_lock(&to->lock);   /* expect: lock-order */
#else
    if ((uintptr_t)from < (uintptr_t)to) {
        pthread_mutex_lock(&from->lock);
        pthread_mutex_lock(&to->lock);
    } else {
        pthread_mutex_lock(&to->lock);
        pthread_mutex_lock(&from->lock);
    }
#endif
    from->coins -= coins;
    to->coins += coins;
    pthread_mutex_unlock(&from->lock);
    pthread_mutex_unlock(&to->lock);
}
