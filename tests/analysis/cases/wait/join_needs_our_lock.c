/* Stopping a worker: it needs the lock that we hold to see that it shall
 * stop. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct worker {
    pthread_mutex_t lock;
    int stop GUARDED_BY(lock);
    long rounds GUARDED_BY(lock);
    pthread_t thread OWNED_BY("who started it");
};

int worker_start(struct worker *worker);
void worker_stop(struct worker *worker);

static void *worker_main(void *opaque)
{
    struct worker *worker = opaque;
    int stop;

    do {
        pthread_mutex_lock(&worker->lock); /* expect-note: wait */
        stop = worker->stop;
        worker->rounds++;
        pthread_mutex_unlock(&worker->lock);
    } while (!stop);
    return NULL;
}

int worker_start(struct worker *worker)
{
    return pthread_create(&worker->thread, NULL, worker_main, worker);
}

void worker_stop(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock); /* expect-note: wait */
    worker->stop = 1;
#ifdef FAULTY
    pthread_join(worker->thread, NULL); /* expect: wait */
    pthread_mutex_unlock(&worker->lock);
#else
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
#endif
}
