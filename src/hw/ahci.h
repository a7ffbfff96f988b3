/* AHCI: the ICH9's SATA controller with six ports, each for a disk or a CD-ROM drive. */
#ifndef MORTISE_HW_AHCI_H
#define MORTISE_HW_AHCI_H

#include "hw/ide.h"
#include "hw/pci.h"

#define AHCI_PORTS 6

struct ahci;

/* A controller without drives. Freed with the bus. */
NODISCARD int ahci_new(struct pci_bus *bus, int devfn, struct ahci **out, struct error *err)
    REQUIRES(bql);

/* Connects a drive to a port that has none, before the machine runs. Takes the disk
 * over when it succeeds. */
NODISCARD int ahci_attach(struct ahci *ahci, unsigned port, const struct ide_drive *drive,
                          struct error *err) REQUIRES(bql);
bool ahci_port_is_free(const struct ahci *ahci, unsigned port) REQUIRES(bql);

#endif
