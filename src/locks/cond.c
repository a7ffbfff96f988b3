/* A waiter counts itself and reads the sequence while it still holds the
 * mutex. Who changes the condition does so under that mutex: either before the
 * waiter looked, and the waiter does not wait; or after the waiter let go, and
 * then it sees the waiter counted and moves the sequence, so that the waiter's
 * futex_wait returns at once or is woken. A sequence that comes round to the
 * same value, 2^32 wakes between those two steps, is taken not to happen. */
#include "locks/cond.h"

#include <limits.h>

#include "locks/futex.h"
#include "locks/lockdep.h"

void cond_init(struct cond *c)
{
    *c = (struct cond)COND_INIT;
}

void cond_destroy(struct cond *c)
{
    (void)c;
}

static bool wait(struct cond *c, struct mutex *m, uint64_t abs_ns, const char *site)
    REQUIRES(m) NO_THREAD_SAFETY_ANALYSIS
{
    bool in_time;

    atomic_fetch_add_explicit(&c->waiters, 1, memory_order_relaxed);
    unsigned sequence = atomic_load_explicit(&c->sequence, memory_order_relaxed);

    mutex_unlock_at(m, site);
    lockdep_may_block("waiting for a condition", site);
    in_time = futex_wait(&c->sequence, sequence, abs_ns);
    atomic_fetch_sub_explicit(&c->waiters, 1, memory_order_relaxed);
    mutex_lock_at(m, site);
    return in_time;
}

void cond_wait_at(struct cond *c, struct mutex *m, const char *site)
{
    (void)wait(c, m, 0, site);
}

bool cond_timedwait_at(struct cond *c, struct mutex *m, uint64_t abs_ns, const char *site)
{
    return wait(c, m, abs_ns ? abs_ns : 1, site);
}

static void wake(struct cond *c, int count)
{
    if (atomic_load_explicit(&c->waiters, memory_order_relaxed) != 0) {
        atomic_fetch_add_explicit(&c->sequence, 1, memory_order_relaxed);
        futex_wake(&c->sequence, count);
    }
}

void cond_signal(struct cond *c)
{
    wake(c, 1);
}

void cond_broadcast(struct cond *c)
{
    wake(c, INT_MAX);
}
