/* A queue uses the lock of whoever has made it: an order through the pointer is
 * one of that lock. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t machine_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int logged GUARDED_BY(log_lock);

struct queue {
    pthread_mutex_t *lock;
    int length GUARDED_BY(lock);
};

void queue_init(struct queue *queue);
void queue_init(struct queue *queue)
{
    queue->lock = &machine_lock; /* expect-note: lock-order */
}

void queue_put(struct queue *queue);
void queue_put(struct queue *queue)
{
    pthread_mutex_lock(queue->lock); /* expect-note: lock-order */
    queue->length++;
    pthread_mutex_lock(&log_lock); /* expect-any: lock-order */
    logged++;
    pthread_mutex_unlock(&log_lock);
    pthread_mutex_unlock(queue->lock);
}

void machine_stop(void (*stop)(void));
void machine_stop(void (*stop)(void))
{
#ifdef FAULTY
    pthread_mutex_lock(&log_lock);     /* expect-note: lock-order */
    pthread_mutex_lock(&machine_lock); /* expect-any: lock-order */
#else
    pthread_mutex_lock(&machine_lock);
    pthread_mutex_lock(&log_lock);
#endif
    stop();
    logged++;
    pthread_mutex_unlock(&log_lock);
    pthread_mutex_unlock(&machine_lock);
}
