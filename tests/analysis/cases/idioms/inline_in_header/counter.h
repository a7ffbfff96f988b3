/* The lock functions are inline in a header that both files include. */
#ifndef COUNTER_H
#define COUNTER_H

#include <pthread.h>

#include "contracts.h"

struct counter {
    pthread_mutex_t lock;
    long value GUARDED_BY(lock);
};

extern struct counter total, failed;

static inline void counter_enter(struct counter *counter)
{
    pthread_mutex_lock(&counter->lock);
}

static inline void counter_leave(struct counter *counter)
{
    pthread_mutex_unlock(&counter->lock);
}

void job_done(int ok);
void job_reset(void);

#endif
