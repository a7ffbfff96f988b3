/* What virtio.c and virtio_pci.c share. */
#ifndef MORTISE_HW_VIRTIO_INTERNAL_H
#define MORTISE_HW_VIRTIO_INTERNAL_H

#include "hw/virtio.h"

/* virtio.c */
void virtio_reset(struct virtio *v) REQUIRES(&v -> lock);
void virtio_set_status(struct virtio *v, uint8_t status) REQUIRES(&v -> lock);

/* virtio_pci.c: capabilities, BARs, registers. */
NODISCARD int virtio_pci_init(struct virtio *v, struct error *err) REQUIRES(bql);
void virtio_pci_cleanup(struct virtio *v) REQUIRES(bql);
/* Bits of the ISR register. */
enum virtio_isr { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };
void virtio_pci_interrupt(struct virtio *v, uint16_t vector, enum virtio_isr cause);

#endif
