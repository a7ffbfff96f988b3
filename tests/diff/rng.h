/* Deterministic random numbers (splitmix64): everything a case contains
 * follows from the seed and the case's number. */
#ifndef MORTISE_DIFF_RNG_H
#define MORTISE_DIFF_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline struct rng rng_for(uint64_t seed, uint64_t number)
{
    struct rng r = {seed * 0xd1342543de82ef95u + number * 0x2545f4914f6cdd1du};
    (void)rng_next(&r);
    return r;
}

/* Uniform in [0, n); n > 0. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
    return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

static inline bool rng_percent(struct rng *r, uint32_t p)
{
    return rng_below(r, 100) < p;
}

#endif
