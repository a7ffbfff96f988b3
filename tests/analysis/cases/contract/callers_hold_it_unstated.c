/* In a program that states its contracts, a function relies on its callers and
 * does not say so: it touches what a lock guards, and lets go of a lock. */
/* options: --enable=unstated-contract */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

int queue_take(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static int length GUARDED_BY(lock);

#ifdef FAULTY
static bool is_empty(void);
static void wait_a_little(void);
#else
static bool is_empty(void) REQUIRES(lock);
static void wait_a_little(void) REQUIRES(lock);
#endif

static bool is_empty(void)
{
    return length == 0; /* expect: unstated-contract @read */
}

static void wait_a_little(void)
{
    pthread_mutex_unlock(&lock); /* expect: unstated-contract @released */
    pthread_cond_signal(&more);
    pthread_mutex_lock(&lock);
}

int queue_take(void)
{
    int got;

    pthread_mutex_lock(&lock);
    while (is_empty()) {
        wait_a_little();
    }
    got = length--;
    pthread_mutex_unlock(&lock);
    return got;
}
