/* What every watched acquisition goes through: lockdep where it is built in,
 * and the statistics. */
#include "locks/watch.h"

#include "locks/lockdep_state.h"

void lock_watch_acquire(struct lock_base *base, unsigned how, const char *site)
{
    lockdep_acquire(base, how, site);
}

uint64_t lock_watch_wait(void)
{
    return lock_stats_now();
}

void lock_watch_acquired(struct lock_base *base, unsigned how, const char *site, uint64_t from)
{
    lockdep_acquired(base, how, site);
    lock_stats_acquired(base, how, from);
}

void lock_watch_release(struct lock_base *base, unsigned how, const char *site)
{
    lock_stats_released(base, how);
    lockdep_release(base, how, site);
}
