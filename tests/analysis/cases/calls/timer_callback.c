/* Deleting a timer waits until its callback has returned, on the timer
 * thread, which needs the lock that the deleting thread has. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct timeout {
    struct timeout *next;
    void (*expire)(void *opaque);
    void *opaque;
};

static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER;
static struct timeout *timeouts GUARDED_BY(running_lock);

void timeout_add(struct timeout *timeout, void (*expire)(void *opaque), void *opaque);
void timeouts_run(void);

/* Callbacks run under the lock, so that a timer is idle once it is off the
 * list. */
void timeouts_run(void)
{
    pthread_mutex_lock(&running_lock); /* expect-note: lock-order */
    for (struct timeout *timeout = timeouts; timeout != NULL; timeout = timeout->next) {
        timeout->expire(timeout->opaque); /* expect-any: lock-order */
    }
    pthread_mutex_unlock(&running_lock);
}

void timeout_add(struct timeout *timeout, void (*expire)(void *opaque), void *opaque)
{
    timeout->expire = expire;
    timeout->opaque = opaque;
    pthread_mutex_lock(&running_lock);
    timeout->next = timeouts;
    timeouts = timeout;
    pthread_mutex_unlock(&running_lock);
}

static void timeout_delete(struct timeout *timeout)
{
    struct timeout **at = &timeouts;

    pthread_mutex_lock(&running_lock); /* expect-note: lock-order */
    while (*at != NULL && *at != timeout) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = timeout->next;
    }
    pthread_mutex_unlock(&running_lock);
}

struct lease {
    pthread_mutex_t lock;
    int valid GUARDED_BY(lock);
    struct timeout timeout;
};

void lease_start(struct lease *lease);
void lease_end(struct lease *lease);

static void lease_expire(void *opaque)
{
    struct lease *lease = opaque;

    pthread_mutex_lock(&lease->lock); /* expect-note: lock-order */
    lease->valid = 0;
    pthread_mutex_unlock(&lease->lock);
}

void lease_start(struct lease *lease)
{
    pthread_mutex_init(&lease->lock, NULL);
    timeout_add(&lease->timeout, lease_expire, lease);
}

void lease_end(struct lease *lease)
{
    pthread_mutex_lock(&lease->lock); /* expect-note: lock-order */
    lease->valid = 0;
#ifdef FAULTY
    timeout_delete(&lease->timeout); /* expect-any: lock-order */
    pthread_mutex_unlock(&lease->lock);
#else
    pthread_mutex_unlock(&lease->lock);
    timeout_delete(&lease->timeout);
#endif
}
