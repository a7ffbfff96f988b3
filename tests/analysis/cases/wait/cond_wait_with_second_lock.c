/* Waiting for room in the queue lets go of the queue's lock only; the
 * consumer needs the other one to get there. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define CAPACITY 64

static pthread_mutex_t stats_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_changed = PTHREAD_COND_INITIALIZER;
static size_t queued GUARDED_BY(queue_lock);
static size_t produced GUARDED_BY(stats_lock);
static size_t consumed GUARDED_BY(stats_lock);

void producer_put(void);
void consumer_get(void);

void producer_put(void)
{
    pthread_mutex_lock(&stats_lock); /* expect-note: wait */
    produced++;
#ifndef FAULTY
    pthread_mutex_unlock(&stats_lock);
#endif
    pthread_mutex_lock(&queue_lock);
    while (queued == CAPACITY) {
        pthread_cond_wait(&queue_changed, &queue_lock); /* expect: wait */
    }
    queued++;
    pthread_mutex_unlock(&queue_lock);
#ifdef FAULTY
    pthread_mutex_unlock(&stats_lock);
#endif
}

void consumer_get(void)
{
    pthread_mutex_lock(&stats_lock);
    consumed++;
    pthread_mutex_unlock(&stats_lock);
    pthread_mutex_lock(&queue_lock);
    if (queued > 0) {
        queued--;
        pthread_cond_signal(&queue_changed);
    }
    pthread_mutex_unlock(&queue_lock);
}
