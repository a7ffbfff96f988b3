/* A capability that is no object is taken by a mutex that nobody else sees,
 * counting how often. One of the functions takes another mutex for it. */
#include <pthread.h>

#include "contracts.h"

void tree_lock(void) ACQUIRE(tree_capability) NO_THREAD_SAFETY_ANALYSIS;
void tree_lock_for_fork(void) ACQUIRE(tree_capability) NO_THREAD_SAFETY_ANALYSIS;
void tree_unlock(void) RELEASE(tree_capability) NO_THREAD_SAFETY_ANALYSIS;

static pthread_mutex_t tree_mutex = PTHREAD_MUTEX_INITIALIZER;
#ifdef FAULTY
static pthread_mutex_t other_mutex = PTHREAD_MUTEX_INITIALIZER;
#endif
static _Thread_local unsigned depth;

void tree_lock(void)
{
    if (depth == 0) {
        pthread_mutex_lock(&tree_mutex); /* expect-note: balance @lacks */
    }
    depth++;
}

void tree_lock_for_fork(void) /* expect: balance @lacks */
{
#ifdef FAULTY
    pthread_mutex_lock(&other_mutex); /* expect: balance @other */
#else
    pthread_mutex_lock(&tree_mutex);
#endif
    depth++;
}

void tree_unlock(void)
{
    if (--depth == 0) {
        pthread_mutex_unlock(&tree_mutex);
    }
}
