/* The I/O APIC (Intel 82093AA), 24 inputs, version 0x20 with an EOI register. */
#ifndef MORTISE_HW_IOAPIC_H
#define MORTISE_HW_IOAPIC_H

#include "exec/memory.h"

#define IOAPIC_PINS   24
#define IOAPIC_SECOND 32

struct ioapic;
struct lapic_set;

/* At `base` of physical memory (0xfec00000), delivering to the local APICs of
 * `lapics`, whose EOI broadcasts it takes. */
NODISCARD int ioapic_new(struct memory_region *memory, uint64_t base, struct lapic_set *lapics,
                         struct ioapic **out, struct error *err) REQUIRES(bql);
void ioapic_free(struct ioapic *io) REQUIRES(bql);
void ioapic_reset(void *opaque) REQUIRES(bql);

/* Pin n, 0 to 23, or, as n + IOAPIC_SECOND, another device's line to it: the pin is up
 * while either is. The handler of struct irq; any thread. */
void ioapic_set_irq(void *opaque, unsigned n, bool level);
/* Its handler of irq_tick; any thread. */
void ioapic_tick(void *opaque, unsigned n, unsigned count);

/* The end of a level-triggered interrupt with this vector. Any thread. */
void ioapic_eoi(void *opaque, uint8_t vector);

#endif
