/* A function says that it takes two global locks, and takes one of them. */
#include <pthread.h>

#include "contracts.h"

int take_snapshot(void);

static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t net_lock = PTHREAD_MUTEX_INITIALIZER;
static int disk GUARDED_BY(disk_lock), net GUARDED_BY(net_lock);

static void stop_all(void) ACQUIRE(disk_lock, net_lock);

static void stop_all(void)
{
    pthread_mutex_lock(&disk_lock);
#ifndef FAULTY
    pthread_mutex_lock(&net_lock);
#endif
} /* expect: balance */

int take_snapshot(void)
{
    int sum;

    stop_all();
    sum = disk + net;
    pthread_mutex_unlock(&net_lock);
    pthread_mutex_unlock(&disk_lock);
    return sum;
}
