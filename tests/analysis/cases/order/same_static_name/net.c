/* This file's flush() takes the network lock, disk.c's takes the disk lock. */
#include "server.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int pending GUARDED_BY(lock);

static void flush(void)
{
    pthread_mutex_lock(&lock); /* expect-note: lock-order */
    pending = 0;
    pthread_mutex_unlock(&lock);
}

void net_flush(void)
{
    flush(); /* expect-note: lock-order */
}

void net_receive(void)
{
    pthread_mutex_lock(&lock); /* expect-note: lock-order */
    pending++;
    disk_flush(); /* expect-any: lock-order */
    pthread_mutex_unlock(&lock);
}
