/* Clocks. The virtual one is the host's plus an offset while it runs, and a
 * frozen time while it does not; both under one spinlock, so that a reader
 * never sees a new state with an old offset. */
#include "aio/clock.h"

#include <time.h>

#include "aio/aio.h"
#include "locks/fork.h"
#include "locks/spinlock.h"

LOCK_CLASS_DEFINE(virtual_clock_class, RANK_LEAF);
static struct spinlock virtual_lock = SPINLOCK_INIT(&virtual_clock_class);
static bool virtual_runs GUARDED_BY(&virtual_lock);
static int64_t virtual_offset GUARDED_BY(&virtual_lock); /* stopped: the time itself */
static int64_t (*virtual_source)(void) IMMUTABLE_AFTER_INIT;
static const struct aio_virtual_keeper *virtual_keeper IMMUTABLE_AFTER_INIT;

void aio_clock_hold_lock_across_fork(void)
{
    locks_fork_add_spinlock(&virtual_lock);
}

static int64_t host_ns(clockid_t id)
{
    struct timespec now;

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * AIO_NS_PER_SEC + now.tv_nsec;
}

static int64_t virtual_ns(void)
{
    int64_t now;

    if (virtual_source) {
        return virtual_source();
    }
    spinlock_lock(&virtual_lock);
    now = virtual_offset + (virtual_runs ? host_ns(CLOCK_MONOTONIC) : 0);
    spinlock_unlock(&virtual_lock);
    return now;
}

int64_t aio_clock_get_ns(enum aio_clock clock)
{
    switch (clock) {
    case AIO_CLOCK_REALTIME:
        return host_ns(CLOCK_REALTIME);
    case AIO_CLOCK_VIRTUAL:
        return virtual_ns();
    default:
        return host_ns(CLOCK_MONOTONIC);
    }
}

void aio_clock_set_virtual_running(bool running)
{
    int64_t now;

    spinlock_lock(&virtual_lock);
    now = host_ns(CLOCK_MONOTONIC);
    if (running != virtual_runs) {
        virtual_offset += running ? -now : now;
        virtual_runs = running;
    }
    spinlock_unlock(&virtual_lock);
    if (running) {
        aio_notify_all();
    }
}

bool aio_clock_virtual_running(void)
{
    bool running;

    spinlock_lock(&virtual_lock);
    running = virtual_runs;
    spinlock_unlock(&virtual_lock);
    return running;
}

void aio_clock_set_virtual_source(int64_t (*now)(void))
{
    virtual_source = now;
}

void aio_clock_set_virtual_keeper(const struct aio_virtual_keeper *keeper)
{
    virtual_keeper = keeper;
    virtual_source = keeper ? keeper->now : NULL;
}

const struct aio_virtual_keeper *aio_clock_virtual_keeper(void)
{
    return virtual_keeper;
}

void aio_clock_virtual_warped(void)
{
    aio_notify_all();
}
