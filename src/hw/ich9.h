/* The south bridge of the machine "q35" at 00:1f.0: the ICH9's LPC bridge, which routes
 * PCI interrupts and has power management. */
#ifndef MORTISE_HW_ICH9_H
#define MORTISE_HW_ICH9_H

#include "hw/pci.h"

struct acpi_pm;
struct ich9;

#define ICH9_GPE_OFFSET 0x20 /* of the event block, from the base of power management */
#define ICH9_GPE_BYTES  16

/* Where its lines lead; ISA interrupts are m->isa_irq. */
struct ich9_lines {
    struct irq smi;             /* pulsed by writes to the APM port */
    struct irq pirq[PCI_PIRQS]; /* inputs 16 to 23 of the I/O APIC */
};

NODISCARD int ich9_new(struct machine *m, const struct ich9_lines *lines, struct ich9 **out,
                       struct error *err) REQUIRES(bql);

/* Part of the bus: reset and freed with it. What remains to the owner is the ACPI
 * hardware, for its power button. */
struct acpi_pm *ich9_acpi(struct ich9 *p);

/* What firmware does, for boot without it: ACPI registers at pm_base, PIRQ A, B, E and F
 * on IRQ 10, the others on 11. After reset. */
void ich9_set_up(struct ich9 *p, uint16_t pm_base) REQUIRES(bql);

#endif
