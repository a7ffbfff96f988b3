/* The three clocks that timers run on, in nanoseconds. */
#ifndef MORTISE_AIO_CLOCK_H
#define MORTISE_AIO_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum aio_clock {
    AIO_CLOCK_REALTIME, /* time of day since 1970; may be set and so jump */
    AIO_CLOCK_HOST,     /* CLOCK_MONOTONIC: always runs forward */
    AIO_CLOCK_VIRTUAL,  /* guest time: from 0, stands still while the machine is stopped */
    AIO_CLOCK_COUNT
};

#define AIO_NS_PER_MS  INT64_C(1000000)
#define AIO_NS_PER_SEC INT64_C(1000000000)

/* Any thread. */
int64_t aio_clock_get_ns(enum aio_clock clock);

/* A time ns after now, or the end of time. */
static inline int64_t aio_ns_after(int64_t now, int64_t ns)
{
    return ns > 0 && now > INT64_MAX - ns ? INT64_MAX : now + ns;
}

/* Milliseconds to wait at least so long; -1 for ever, as it is for ns. */
static inline int aio_ns_to_wait_ms(int64_t ns)
{
    int64_t ms = ns / AIO_NS_PER_MS + (ns % AIO_NS_PER_MS > 0);

    return ns < 0 ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* The virtual clock is stopped at first. Starting it wakes every context, so
 * that their timers count again. Any thread. */
void aio_clock_set_virtual_running(bool running);
bool aio_clock_virtual_running(void);

/* Takes the virtual clock's time from now() instead, as an instruction counter
 * does; NULL: from the host's clock again. While no other thread uses it.
 * now() is called on any thread, often, and under a leaf lock. */
void aio_clock_set_virtual_source(int64_t (*now)(void));

/* Who keeps the virtual clock in all ways: says what time it is, and runs its timers
 * (aio_timers_run_virtual) when it is time, which no context does any more. */
struct aio_virtual_keeper {
    int64_t (*now)(void);    /* as for aio_clock_set_virtual_source */
    void (*timer_set)(void); /* a timer comes before all others of its context; any thread */
};
/* NULL: nobody. While no other thread uses it. */
void aio_clock_set_virtual_keeper(const struct aio_virtual_keeper *keeper);
const struct aio_virtual_keeper *aio_clock_virtual_keeper(void);

/* For aio_hold_locks_across_fork. */
void aio_clock_hold_lock_across_fork(void);

/* Time of the virtual clock was moved by its source: every context looks at
 * its timers anew. Any thread. */
void aio_clock_virtual_warped(void);

#endif
