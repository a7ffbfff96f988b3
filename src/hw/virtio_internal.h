/* What virtio.c and virtio_pci.c share. */
#ifndef MORTISE_HW_VIRTIO_INTERNAL_H
#define MORTISE_HW_VIRTIO_INTERNAL_H

#include "hw/virtio.h"

/* virtio.c */
void virtio_reset(struct virtio *v) REQUIRES(&v -> lock);
void virtio_set_status(struct virtio *v, uint8_t status) REQUIRES(&v -> lock);
/* The driver says that there is something in queue n, if there is one: the event loop
 * works on it, or, while instructions are counted, so that time stands still meanwhile
 * and nothing depends on the host's, the caller, who has the BQL. */
void virtio_notified(struct virtio *v, unsigned n) EXCLUDES(&v -> lock);

/* virtio_pci.c: capabilities, BARs, registers. */
NODISCARD int virtio_pci_init(struct virtio *v, struct error *err) REQUIRES(bql);
void virtio_pci_cleanup(struct virtio *v) REQUIRES(bql);
/* Bits of the ISR register. */
enum virtio_isr { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };
void virtio_pci_interrupt(struct virtio *v, uint16_t vector, enum virtio_isr cause);

#endif
