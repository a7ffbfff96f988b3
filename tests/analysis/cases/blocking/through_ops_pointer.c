/* One of the implementations behind the pointer takes a mutex. */
#include <pthread.h>

#include "contracts.h"

struct timer;

struct timer_ops {
    void (*expire)(struct timer *timer);
};

struct timer {
    const struct timer_ops *ops;
    pthread_spinlock_t lock;
    int armed GUARDED_BY(lock);
    pthread_mutex_t owner_lock;
    int expiries GUARDED_BY(owner_lock);
};

void timer_run(struct timer *timer);
void timer_use_fast(struct timer *timer);
void timer_use_counted(struct timer *timer);

static void fast_expire(struct timer *timer)
{
    (void)timer;
}

static void counted_expire(struct timer *timer)
{
    pthread_mutex_lock(&timer->owner_lock); /* expect-note: blocking */
    timer->expiries++;
    pthread_mutex_unlock(&timer->owner_lock);
}

static const struct timer_ops fast_ops = {.expire = fast_expire};
static const struct timer_ops counted_ops = {.expire = counted_expire};

void timer_run(struct timer *timer)
{
    pthread_spin_lock(&timer->lock); /* expect-note: blocking */
    timer->armed = 0;
#ifdef FAULTY
    timer->ops->expire(timer); /* expect: blocking */
    pthread_spin_unlock(&timer->lock);
#else
    pthread_spin_unlock(&timer->lock);
    timer->ops->expire(timer);
#endif
}

void timer_use_fast(struct timer *timer)
{
    timer->ops = &fast_ops;
}

void timer_use_counted(struct timer *timer)
{
    timer->ops = &counted_ops;
}
