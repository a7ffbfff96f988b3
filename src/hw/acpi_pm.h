/* ACPI fixed hardware: PM1 event and control registers, the power management timer,
 * a general purpose event block, and the APM port by which ACPI mode is switched on.
 * The PIIX4's function and the ICH9's LPC bridge place it. */
#ifndef MORTISE_HW_ACPI_PM_H
#define MORTISE_HW_ACPI_PM_H

#include "hw/machine.h"

#define ACPI_PM_ENABLE  0xf1 /* written to port 0xb2 */
#define ACPI_PM_DISABLE 0xf0
#define ACPI_PM_HZ      3579545u

struct acpi_pm;

struct acpi_pm_config {
    struct irq sci;
    struct irq smi;     /* pulsed for commands on port 0xb2 while acpi_pm_set_smi says so */
    uint8_t sleep_off;  /* SLP_TYP that powers off */
    unsigned gpe_bytes; /* length of the event block: status, then as many enable bytes */
};

/* PM1 events at +0, control at +4, timer at +8 of wherever it is mapped, which is
 * nowhere yet; ports 0xb2 and 0xb3 are there at once. The main loop exists. */
NODISCARD int acpi_pm_new(struct machine *m, const struct acpi_pm_config *config,
                          struct acpi_pm **out, struct error *err) REQUIRES(bql);
void acpi_pm_free(struct acpi_pm *pm) REQUIRES(bql);
void acpi_pm_reset(void *opaque) REQUIRES(bql);

/* Places the registers at a port, or takes them away. */
void acpi_pm_map(struct acpi_pm *pm, bool enabled, uint16_t port) REQUIRES(bql);
void acpi_pm_map_gpe(struct acpi_pm *pm, bool enabled, uint16_t port) REQUIRES(bql);
void acpi_pm_set_smi(struct acpi_pm *pm, bool enabled) REQUIRES(bql);

/* The power button is pressed. */
void acpi_pm_power_button(struct acpi_pm *pm) REQUIRES(bql);
/* General purpose event n happens. */
void acpi_pm_event(struct acpi_pm *pm, unsigned n) REQUIRES(bql);

#endif
