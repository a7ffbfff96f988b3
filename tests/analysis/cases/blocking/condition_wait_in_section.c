/* Waiting for a condition lets go of the mutex, not of the read section. */
/* needs: liburcu */
#include <pthread.h>
#include <stddef.h>
#include <urcu.h>

#include "contracts.h"

struct feed {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    int items GUARDED_BY(lock);
};

static struct feed *current RCU_PROTECTED;

int feed_wait(struct feed *feed);
int feed_current(void);

int feed_wait(struct feed *feed)
{
    int items;

    pthread_mutex_lock(&feed->lock);
    while (feed->items == 0) {
        pthread_cond_wait(&feed->arrived, &feed->lock); /* expect-note: blocking */
    }
    items = feed->items;
    pthread_mutex_unlock(&feed->lock);
    return items;
}

int feed_current(void)
{
    struct feed *feed;
    int items = 0;

    rcu_read_lock(); /* expect-note: blocking */
    feed = rcu_dereference(current);
    if (feed != NULL) {
#ifdef FAULTY
        items = feed_wait(feed); /* expect: blocking */
#else
        if (pthread_mutex_trylock(&feed->lock) == 0) {
            items = feed->items;
            pthread_mutex_unlock(&feed->lock);
        }
#endif
    }
    rcu_read_unlock();
    return items;
}
