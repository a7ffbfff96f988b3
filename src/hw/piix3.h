/* The south bridge of the machine "pc" at 00:01: the PIIX3's ISA bridge, which routes
 * PCI interrupts, and the PIIX4's power management function. */
#ifndef MORTISE_HW_PIIX3_H
#define MORTISE_HW_PIIX3_H

#include "hw/pci.h"

struct acpi_pm;
struct piix3;

/* Its interrupts go to m->isa_irq. `smi` is pulsed by writes to the APM port. */
NODISCARD int piix3_new(struct machine *m, struct irq smi, struct piix3 **out, struct error *err)
    REQUIRES(bql);

/* Part of the bus: reset and freed with it. What remains to the owner is the ACPI
 * hardware, for its power button. */
struct acpi_pm *piix3_acpi(struct piix3 *p);

/* What firmware does, for boot without it: ACPI registers at pm_base, PIRQ A and B on
 * IRQ 10, C and D on 11. After reset. */
void piix3_set_up(struct piix3 *p, uint16_t pm_base) REQUIRES(bql);

#endif
