/* Contention statistics by lock class: how often it was taken, how often that
 * meant waiting, and the time spent waiting and holding. Off by default. Every
 * lock type feeds them; readers of a rwlock too. */
#ifndef MORTISE_LOCKS_STATS_H
#define MORTISE_LOCKS_STATS_H

#include <stdint.h>
#include <stdio.h>

/* From now on acquisitions count. Best before threads exist; there is no way
 * back. Locks held at that moment are not timed. */
void lock_stats_enable(void);

/* One line for each class that was taken, the one most waited for first. A
 * lock that is held now adds its hold time later. Any thread. */
void lock_stats_print(FILE *out);

struct lock_stats {
    uint64_t acquired, contended;
    uint64_t wait_ns, wait_max_ns;
    uint64_t hold_ns, hold_max_ns;
};

/* The sums of one class. */
struct lock_class;
void lock_stats_get(const struct lock_class *lc, struct lock_stats *stats);

#endif
