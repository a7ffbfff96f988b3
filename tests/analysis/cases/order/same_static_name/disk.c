#include "server.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int dirty GUARDED_BY(lock);

static void flush(void)
{
    pthread_mutex_lock(&lock); /* expect-note: lock-order */
    dirty = 0;
    pthread_mutex_unlock(&lock);
}

void disk_flush(void)
{
    flush(); /* expect-note: lock-order */
}

void disk_write(void)
{
#ifdef FAULTY
    pthread_mutex_lock(&lock); /* expect-note: lock-order */
    dirty++;
    net_flush(); /* expect-any: lock-order */
    pthread_mutex_unlock(&lock);
#else
    pthread_mutex_lock(&lock);
    dirty++;
    pthread_mutex_unlock(&lock);
    flush();
    net_flush();
#endif
}
