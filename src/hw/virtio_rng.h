/* A virtio entropy device: the host's random numbers. */
#ifndef MORTISE_HW_VIRTIO_RNG_H
#define MORTISE_HW_VIRTIO_RNG_H

#include "hw/pci.h"

NODISCARD int virtio_rng_new(struct pci_bus *bus, int devfn, struct error *err) REQUIRES(bql);

#endif
