/* A pairing heap, intrusive, so that inserting needs no memory: insert and
 * merge in constant time, removal in amortised O(log n). The caller's lock. */
#ifndef MORTISE_AIO_TIMER_HEAP_H
#define MORTISE_AIO_TIMER_HEAP_H

#include <stdint.h>

#include "base/annotations.h"

struct OWNED_BY(who owns the heap) timer_heap_node {
    int64_t key;                         /* set before insertion */
    struct timer_heap_node *child;       /* first of those that come later */
    struct timer_heap_node *next, *prev; /* siblings; prev of a first child: the parent */
};

/* Both return the new root. A node equal to another comes after it if it was
 * inserted later and neither had to move meanwhile. */
struct timer_heap_node *timer_heap_insert(struct timer_heap_node *root,
                                          struct timer_heap_node *node);
struct timer_heap_node *timer_heap_remove(struct timer_heap_node *root,
                                          struct timer_heap_node *node);

#endif
