/* An interrupt line: what a device drives, and who is told. Lines are values,
 * handed to devices when they are made; immutable afterwards. */
#ifndef MORTISE_HW_IRQ_H
#define MORTISE_HW_IRQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"

/* So many edges of a timer that have not been taken are remembered, the one that is
 * latched apart: what a guest is held up for longer is lost, or one that is slower
 * than its timer would do nothing but serve it. */
#define IRQ_OWED_MAX 20u

struct IMMUTABLE_AFTER_INIT irq {
    void (*set)(void *opaque, unsigned n, bool level); /* NULL: not connected */
    /* See irq_tick. NULL: a line that latches one edge, as all others do. */
    void (*tick)(void *opaque, unsigned n, unsigned count);
    void *opaque;
    unsigned n;
};

/* Drives the line. The handler's contract holds: PIC, IOAPIC and PCI handlers
 * take what locks they need themselves (leaf locks), so any thread may call it,
 * with or without the BQL. */
static inline void irq_set(const struct irq *irq, bool level)
{
    if (irq->set) {
        irq->set(irq->opaque, irq->n, level);
    }
}

/* For periodic timers: the line falls and rises `count` times, as it would have done
 * since the last call had the thread that drives it not been late, and stays high.
 * Edges that find the former one not taken yet are not lost but come one after the
 * other, each when the processor has taken the one before, up to IRQ_OWED_MAX. Those
 * still to come are forgotten by a count of 0, which leaves the line as it is. Any
 * thread. */
static inline void irq_tick(const struct irq *irq, unsigned count)
{
    if (irq->tick) {
        irq->tick(irq->opaque, irq->n, count);
    } else if (count) {
        irq_set(irq, false);
        irq_set(irq, true);
    }
}

static inline void irq_pulse(const struct irq *irq)
{
    irq_set(irq, true);
    irq_set(irq, false);
}

#endif
