/* One of two locks is chosen into a pointer. */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

struct link {
    pthread_mutex_t state_lock;
    pthread_mutex_t in_lock;
    pthread_mutex_t out_lock;
    bool up GUARDED_BY(state_lock);
};

void link_shutdown(struct link *link, bool inbound);
void link_kick(struct link *link);

void link_shutdown(struct link *link, bool inbound)
{
    pthread_mutex_t *direction = inbound ? &link->in_lock : &link->out_lock;

    pthread_mutex_lock(direction);         /* expect-note: lock-order */
    pthread_mutex_lock(&link->state_lock); /* expect-any: lock-order */
    link->up = false;
    pthread_mutex_unlock(&link->state_lock);
    pthread_mutex_unlock(direction);
}

void link_kick(struct link *link)
{
    bool up;

    pthread_mutex_lock(&link->state_lock); /* expect-note: lock-order */
    up = link->up;
#ifndef FAULTY
    pthread_mutex_unlock(&link->state_lock);
#endif
    if (up) {
        pthread_mutex_lock(&link->out_lock); /* expect-any: lock-order */
        pthread_mutex_unlock(&link->out_lock);
    }
#ifdef FAULTY
    pthread_mutex_unlock(&link->state_lock);
#endif
}
