/* Where a -device goes: its bus by name, and its place there. Inside of hw/device*.c. */
#ifndef MORTISE_HW_DEVICE_PLACE_H
#define MORTISE_HW_DEVICE_PLACE_H

#include "hw/machine.h"
#include "hw/props.h"

/* bus=pci.0 (pcie.0 on q35) and addr=SLOT[.FUNCTION], in hexadecimal; -1: any place. */
NODISCARD int device_pci_place(const struct machine *m, const struct device_props *p, int *devfn,
                               struct error *err);

/* ide-hd or ide-cd: takes its drive, connects it to bus=ide.N, unit=N, or to the first
 * place that is free. */
NODISCARD int device_ide_new(struct machine *m, const struct device_props *p, bool cd,
                             struct error *err) REQUIRES(bql);

#endif
