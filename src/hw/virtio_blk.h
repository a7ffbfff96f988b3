/* A virtio block device on a disk, with an I/O thread of its own. */
#ifndef MORTISE_HW_VIRTIO_BLK_H
#define MORTISE_HW_VIRTIO_BLK_H

#include "hw/disk.h"
#include "hw/pci.h"

/* Takes the disk over when it succeeds. The serial number has at most 20 characters
 * and may be NULL. devfn -1: any slot. Freed with the bus. */
NODISCARD int virtio_blk_new(struct pci_bus *bus, int devfn, struct disk *disk, const char *serial,
                             struct error *err) REQUIRES(bql);

#endif
