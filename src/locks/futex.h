/* futex(2), process-private. Each call leaves errno alone, because locks are
 * taken and events set by signal handlers and on error paths. */
#ifndef MORTISE_LOCKS_FUTEX_H
#define MORTISE_LOCKS_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleeps while *word == value, until woken or, if abs_ns is not 0, until that
 * time of CLOCK_MONOTONIC; returns false only when the time has passed. May
 * return true for no reason. */
bool futex_wait(atomic_uint *word, unsigned value, uint64_t abs_ns);

/* Wakes up to `count` sleepers. */
void futex_wake(atomic_uint *word, int count);

#endif
