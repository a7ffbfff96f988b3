/* Locking itself goes through a table of methods, so that a build without
 * threads can do without. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct os_mutex {
    pthread_mutex_t handle;
};

struct mutex_methods {
    void (*enter)(struct os_mutex *mutex);
    void (*leave)(struct os_mutex *mutex);
};

static void pthread_enter(struct os_mutex *mutex)
{
    pthread_mutex_lock(&mutex->handle);
}

static void pthread_leave(struct os_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->handle);
}

static const struct mutex_methods methods = {
    .enter = pthread_enter,
    .leave = pthread_leave,
};

struct pager {
    struct os_mutex lock;
    int pages;
};

int pager_fetch(struct pager *pager, int page);

int pager_fetch(struct pager *pager, int page)
{
    int result = -1;

    methods.enter(&pager->lock); /* expect-note: balance */
    if (page >= pager->pages) {
#ifdef FAULTY
        return result; /* expect: balance */
#else
        goto out;
#endif
    }
    result = page;
#ifndef FAULTY
out:
#endif
    methods.leave(&pager->lock);
    return result;
}
