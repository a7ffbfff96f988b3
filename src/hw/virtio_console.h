/* A virtio console with one port (hvc0) on a character device. */
#ifndef MORTISE_HW_VIRTIO_CONSOLE_H
#define MORTISE_HW_VIRTIO_CONSOLE_H

#include "hw/chardev.h"
#include "hw/pci.h"

struct virtio_console;

/* The character device stays the caller's and outlives it. NULL: none so far. */
NODISCARD int virtio_console_new(struct pci_bus *bus, int devfn, struct chardev *chardev,
                                 struct virtio_console **out, struct error *err) REQUIRES(bql);
/* For one that has none, before the machine runs. */
void virtio_console_connect(struct virtio_console *c, struct chardev *chardev) REQUIRES(bql);

#endif
