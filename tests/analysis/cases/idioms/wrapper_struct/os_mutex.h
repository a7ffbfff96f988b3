/* A project's own mutex: a struct around pthread's, with functions. */
#ifndef OS_MUTEX_H
#define OS_MUTEX_H

#include <pthread.h>

#include "contracts.h"

struct os_mutex {
    pthread_mutex_t handle;
    const char *name;
};

void os_mutex_init(struct os_mutex *mutex, const char *name);
void os_mutex_lock(struct os_mutex *mutex);
void os_mutex_unlock(struct os_mutex *mutex);

#endif
