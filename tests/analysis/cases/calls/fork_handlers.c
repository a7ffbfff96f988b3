/* Locks are held across fork: prepare takes them, parent and child drop
 * them, each in its handler. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static int heap_blocks GUARDED_BY(heap_lock);
static int open_files GUARDED_BY(files_lock);

int handlers_install(void);
void file_open(void);

static void before_fork(void)
{
#ifdef FAULTY
    pthread_mutex_lock(&heap_lock);  /* expect-note: lock-order */
    pthread_mutex_lock(&files_lock); /* expect-any: lock-order */
#else
    pthread_mutex_lock(&files_lock);
    pthread_mutex_lock(&heap_lock);
#endif
}

static void after_fork(void)
{
    pthread_mutex_unlock(&heap_lock);
    pthread_mutex_unlock(&files_lock);
}

int handlers_install(void)
{
    return pthread_atfork(before_fork, after_fork, after_fork);
}

void file_open(void)
{
    pthread_mutex_lock(&files_lock); /* expect-note: lock-order */
    open_files++;
    pthread_mutex_lock(&heap_lock); /* expect-any: lock-order */
    heap_blocks++;
    pthread_mutex_unlock(&heap_lock);
    pthread_mutex_unlock(&files_lock);
}
