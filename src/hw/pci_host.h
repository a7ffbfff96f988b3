/* How the CPU reaches configuration space: ports 0xcf8 and 0xcfc, and the reset
 * control register at 0xcf9; and how messages of devices reach CPUs. */
#ifndef MORTISE_HW_PCI_HOST_H
#define MORTISE_HW_PCI_HOST_H

#include "hw/pci.h"

struct lapic_set;

struct pci_host {
    struct pci_bus *bus IMMUTABLE_AFTER_INIT;
    struct lapic_set *lapics IMMUTABLE_AFTER_INIT;
    struct memory_region address_region, data_region;
    uint32_t address GUARDED_BY(bql);
    uint8_t reset_control GUARDED_BY(bql);
};

/* Puts the ports into the bus's machine, and sends the bus's messages to `lapics`. */
void pci_host_init(struct pci_host *h, struct pci_bus *bus, struct lapic_set *lapics) REQUIRES(bql);
void pci_host_reset(struct pci_host *h) REQUIRES(bql);
void pci_host_cleanup(struct pci_host *h) REQUIRES(bql);

#endif
