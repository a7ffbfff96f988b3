/* A semaphore of our own is a lock, and has one inside that guards its count:
 * they are two. */
#include <pthread.h>

#include "contracts.h"

struct CONTRACT("capability:gate") gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int holder GUARDED_BY(lock);
};

void gate_take(struct gate *gate) ACQUIRE(gate) NO_THREAD_SAFETY_ANALYSIS;
void gate_drop(struct gate *gate) RELEASE(gate) NO_THREAD_SAFETY_ANALYSIS;

void gate_take(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->holder) {
        pthread_cond_wait(&gate->opened, &gate->lock);
    }
    gate->holder = 1;
    pthread_mutex_unlock(&gate->lock);
}

void gate_drop(struct gate *gate)
{
#ifdef FAULTY
    gate->holder = 0; /* expect: missing-guard */
    pthread_mutex_lock(&gate->lock);
#else
    pthread_mutex_lock(&gate->lock);
    gate->holder = 0;
#endif
    pthread_cond_signal(&gate->opened);
    pthread_mutex_unlock(&gate->lock);
}
