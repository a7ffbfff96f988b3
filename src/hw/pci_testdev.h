/* pci-testdev (QEMU's docs/specs/pci-testdev.rst, 1b36:0005): writes to a BAR in memory
 * (BAR 0) and one in port space (BAR 1) that are seen by a callback, by an eventfd, or by
 * an eventfd for one value only, and are counted. */
#ifndef MORTISE_HW_PCI_TESTDEV_H
#define MORTISE_HW_PCI_TESTDEV_H

#include "hw/pci.h"

/* Freed with the bus. */
NODISCARD int pci_testdev_new(struct pci_bus *bus, int devfn, struct error *err) REQUIRES(bql);

#endif
