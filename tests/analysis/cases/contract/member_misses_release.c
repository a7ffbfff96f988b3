/* The member promises to drop the lock; one implementation forgets. */
#include <pthread.h>

#include "contracts.h"

struct job {
    pthread_mutex_t lock;
    int done GUARDED_BY(lock);
};

struct job_ops {
    void (*finish)(struct job *job) RELEASE(job->lock); /* expect-note: contract */
};

static void quick_finish(struct job *job) RELEASE(&job -> lock);
#ifdef FAULTY
static void slow_finish(struct job *job) REQUIRES(&job -> lock);
#else
static void slow_finish(struct job *job) RELEASE(&job -> lock);
#endif

static void quick_finish(struct job *job)
{
    job->done = 1;
    pthread_mutex_unlock(&job->lock);
}

static void slow_finish(struct job *job)
{
    job->done = 2;
#ifndef FAULTY
    pthread_mutex_unlock(&job->lock);
#endif
}

extern const struct job_ops quick_ops;
extern const struct job_ops slow_ops;

const struct job_ops quick_ops = {.finish = quick_finish};
const struct job_ops slow_ops = {.finish = slow_finish}; /* expect: contract */
