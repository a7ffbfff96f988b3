/* A field that both the producer's and the consumer's thread touch. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "contracts.h"

struct pipe {
    pthread_mutex_t lock;
    int items GUARDED_BY(lock);
#ifdef FAULTY
    int closed; /* expect: sharing */
#else
    atomic_int closed;
#endif
};

void *producer_main(void *opaque) THREAD_ENTRY("producer");
void *consumer_main(void *opaque) THREAD_ENTRY("consumer");

void *producer_main(void *opaque)
{
    struct pipe *pipe = opaque;

    pthread_mutex_lock(&pipe->lock);
    pipe->items++;
    pthread_mutex_unlock(&pipe->lock);
    pipe->closed = 1;
    return NULL;
}

void *consumer_main(void *opaque)
{
    struct pipe *pipe = opaque;

    while (!pipe->closed) {
        pthread_mutex_lock(&pipe->lock);
        pipe->items = 0;
        pthread_mutex_unlock(&pipe->lock);
    }
    return NULL;
}
