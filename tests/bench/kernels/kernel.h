/* What the kernels share: the amount of work, and a checksum that neither
 * compiler nor emulator can shorten. */
#ifndef MORTISE_BENCH_KERNEL_H
#define MORTISE_BENCH_KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* `full` operations, scaled by the first argument (per cent, default 100). */
static inline long kernel_work(int argc, char **argv, long full)
{
    long percent = argc > 1 ? strtol(argv[1], NULL, 10) : 100;
    long work = full * percent / 100;
    return work > 0 ? work : 1;
}

static inline uint32_t kernel_mix(uint32_t sum, uint32_t value)
{
    return (sum ^ value) * 2654435761u;
}

/* A small generator: the same sequence everywhere. */
static inline uint32_t kernel_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static inline int kernel_done(uint32_t sum)
{
    return printf("%08x\n", (unsigned)sum) < 0;
}

#endif
