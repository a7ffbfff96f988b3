/* The high precision event timer (IA-PC HPET specification 1.0a): a counter of 100 MHz
 * at 0xfed00000 and three comparators. */
#ifndef MORTISE_HW_HPET_H
#define MORTISE_HW_HPET_H

#include "exec/memory.h"
#include "hw/irq.h"

#define HPET_BASE   UINT64_C(0xfed00000)
#define HPET_GSIS   24
#define HPET_PERIOD 10000000u /* femtoseconds */

struct hpet;

struct hpet_lines {
    struct irq gsi[HPET_GSIS]; /* inputs of the I/O APIC; 0 and 8 of the ISA kind too */
    /* Messages (FSB interrupts), `ticks` times (irq_tick). */
    void (*send)(void *opaque, uint64_t addr, uint32_t data, unsigned ticks);
    void *send_opaque;
};

/* The main loop exists. */
NODISCARD int hpet_new(struct memory_region *memory, const struct hpet_lines *lines,
                       struct hpet **out, struct error *err) REQUIRES(bql);
void hpet_free(struct hpet *h) REQUIRES(bql);
void hpet_reset(void *opaque) REQUIRES(bql);

/* Lines for the 8254 and the real-time clock to drive instead of IRQ 0 and 8: they
 * come through unless the guest has given these interrupts to the HPET. */
struct irq hpet_pit_line(struct hpet *h);
struct irq hpet_rtc_line(struct hpet *h);

#endif
