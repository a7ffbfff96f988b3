/* The order is declared; the one path that there is goes against it. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t irq_lock ACQUIRED_AFTER(device_lock) = PTHREAD_MUTEX_INITIALIZER;
static unsigned pending GUARDED_BY(irq_lock);
static unsigned enabled GUARDED_BY(device_lock);

void device_raise(unsigned line);

void device_raise(unsigned line)
{
#ifdef FAULTY
    pthread_mutex_lock(&irq_lock);    /* expect-note: declared-order */
    pthread_mutex_lock(&device_lock); /* expect: declared-order */
#else
    pthread_mutex_lock(&device_lock);
    pthread_mutex_lock(&irq_lock);
#endif
    pending |= enabled & line;
    pthread_mutex_unlock(&irq_lock);
    pthread_mutex_unlock(&device_lock);
}
