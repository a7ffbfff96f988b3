/* An interrupt line: what a device drives, and who is told. Lines are values,
 * handed to devices when they are made; immutable afterwards. */
#ifndef MORTISE_HW_IRQ_H
#define MORTISE_HW_IRQ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/annotations.h"

struct IMMUTABLE_AFTER_INIT irq {
    void (*set)(void *opaque, unsigned n, bool level); /* NULL: not connected */
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

static inline void irq_pulse(const struct irq *irq)
{
    irq_set(irq, true);
    irq_set(irq, false);
}

#endif
