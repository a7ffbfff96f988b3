#include "os_mutex.h"

void os_mutex_init(struct os_mutex *mutex, const char *name)
{
    pthread_mutex_init(&mutex->handle, NULL);
    mutex->name = name;
}

void os_mutex_lock(struct os_mutex *mutex)
{
    pthread_mutex_lock(&mutex->handle);
}

void os_mutex_unlock(struct os_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->handle);
}
