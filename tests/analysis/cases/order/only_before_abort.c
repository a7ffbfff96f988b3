/* Two orders, one of them on the way to abort() only: that one is no circle. */
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t report_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned used, reports;

void *pool_get(void);
void report_all(void);

static void report_failure(void)
{
    pthread_mutex_lock(&report_lock); /* expect-note: lock-order */
    reports++;
    pthread_mutex_unlock(&report_lock);
#ifndef FAULTY
    abort();
#endif
}

void *pool_get(void)
{
    void *memory;

    pthread_mutex_lock(&pool_lock); /* expect-note: lock-order */
    memory = malloc(64);
    if (!memory) {
        report_failure(); /* expect-any: lock-order */
    }
    used++;
    pthread_mutex_unlock(&pool_lock);
    return memory;
}

void report_all(void)
{
    pthread_mutex_lock(&report_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&pool_lock);   /* expect-any: lock-order */
    reports += used;
    pthread_mutex_unlock(&pool_lock);
    pthread_mutex_unlock(&report_lock);
}
