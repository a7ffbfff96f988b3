/* A virtio console with one port (hvc0) on a character device. */
#ifndef MORTISE_HW_VIRTIO_CONSOLE_H
#define MORTISE_HW_VIRTIO_CONSOLE_H

#include "hw/chardev.h"
#include "hw/pci.h"

/* The character device stays the caller's and outlives it. */
NODISCARD int virtio_console_new(struct pci_bus *bus, int devfn, struct chardev *chardev,
                                 struct error *err) REQUIRES(bql);

#endif
