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

/* The virtual clock is stopped at first. Starting it wakes every context, so
 * that their timers count again. Any thread. */
void aio_clock_set_virtual_running(bool running);
bool aio_clock_virtual_running(void);

/* Takes the virtual clock's time from now() instead, as an instruction counter
 * does; NULL: from the host's clock again. While no other thread uses it.
 * now() is called on any thread, often, and under a leaf lock. */
void aio_clock_set_virtual_source(int64_t (*now)(void));

/* Time of the virtual clock was moved by its source: every context looks at
 * its timers anew. Any thread. */
void aio_clock_virtual_warped(void);

#endif
