/* A timed wait in a loop, left by break, by success and by an error. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "contracts.h"

struct latch {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int open GUARDED_BY(lock);
};

struct upload {
    pthread_mutex_t lock;
    struct latch done;
    int retries GUARDED_BY(lock);
};

static int latch_wait(struct latch *latch, const struct timespec *deadline)
{
    int result = 0;

    pthread_mutex_lock(&latch->lock);
    while (!latch->open) {
        result =
            pthread_cond_timedwait(&latch->opened, &latch->lock, deadline); /* expect-note: wait */
        if (result == ETIMEDOUT) {
            break;
        }
        if (result != 0) {
            pthread_mutex_unlock(&latch->lock);
            return result;
        }
    }
    pthread_mutex_unlock(&latch->lock);
    return result;
}

int upload_finish(struct upload *upload, const struct timespec *deadline);

int upload_finish(struct upload *upload, const struct timespec *deadline)
{
    int result;

#ifdef FAULTY
    pthread_mutex_lock(&upload->lock); /* expect-note: wait */
    upload->retries++;
    result = latch_wait(&upload->done, deadline); /* expect: wait */
    pthread_mutex_unlock(&upload->lock);
#else
    pthread_mutex_lock(&upload->lock);
    upload->retries++;
    pthread_mutex_unlock(&upload->lock);
    result = latch_wait(&upload->done, deadline);
#endif
    return result;
}
