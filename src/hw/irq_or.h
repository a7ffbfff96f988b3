/* An interrupt line that several devices drive: up while any of its inputs is. Those
 * who share one change their inputs under a lock that they have in common (serial
 * ports: the BQL), or the line might be left as an earlier change had it. */
#ifndef MORTISE_HW_IRQ_OR_H
#define MORTISE_HW_IRQ_OR_H

#include <stdatomic.h>

#include "hw/irq.h"

struct irq_or {
    struct irq out IMMUTABLE_AFTER_INIT;
    atomic_uint inputs; /* bit n: input n is up; relaxed: see above */
};

/* `set` of a struct irq whose opaque is the gate and whose n, below 32, the input. */
static inline void irq_or_set(void *opaque, unsigned n, bool level)
{
    struct irq_or *gate = opaque;
    unsigned bit = 1u << n;
    unsigned inputs =
        level ? atomic_fetch_or_explicit(&gate->inputs, bit, memory_order_relaxed) | bit
              : atomic_fetch_and_explicit(&gate->inputs, ~bit, memory_order_relaxed) & ~bit;
    irq_set(&gate->out, inputs != 0);
}

#endif
