/* Nanoseconds to ticks of a frequency and back, exactly and without overflow for
 * times up to the age of any machine. */
#ifndef MORTISE_HW_TICKS_H
#define MORTISE_HW_TICKS_H

#include <stdint.h>

#include "aio/clock.h"

/* Whole ticks of hz (at most 4 GHz) within ns, which is not negative. */
static inline int64_t ticks_of_ns(int64_t ns, uint32_t hz)
{
    uint64_t n = (uint64_t)ns;
    uint64_t per_sec = (uint64_t)AIO_NS_PER_SEC;

    return (int64_t)(n / per_sec * hz + n % per_sec * hz / per_sec);
}

/* The first nanosecond at which that many ticks have passed. */
static inline int64_t ticks_to_ns(int64_t ticks, uint32_t hz)
{
    uint64_t t = (uint64_t)ticks;
    uint64_t per_sec = (uint64_t)AIO_NS_PER_SEC;

    return (int64_t)(t / hz * per_sec + (t % hz * per_sec + hz - 1) / hz);
}

#endif
