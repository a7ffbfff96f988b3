/* A virtio entropy device: the host's random numbers. */
#ifndef MORTISE_HW_VIRTIO_RNG_H
#define MORTISE_HW_VIRTIO_RNG_H

#include "hw/pci.h"

/* Gives at most `max_bytes` in each `period_ms` of the guest's time (0: as many as it wants). */
NODISCARD int virtio_rng_new(struct pci_bus *bus, int devfn, uint64_t max_bytes, uint32_t period_ms,
                             struct error *err) REQUIRES(bql);

#endif
