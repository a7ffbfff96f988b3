/* Virtio devices (Virtio 1.2) on PCI, modern transport only.
 *
 * A device works on its queues in an event loop of its choice: the main loop, with the
 * BQL, or an I/O thread, without. Either way it holds its own lock, which comes after
 * the BQL and before everything that guest memory needs. Interrupts go out from there. */
#ifndef MORTISE_HW_VIRTIO_H
#define MORTISE_HW_VIRTIO_H

#include "aio/aio.h"
#include "aio/bh.h"
#include "hw/pci.h"
#include "hw/virtq.h"

#define VIRTIO_QUEUES      64 /* at most */
#define VIRTIO_CONFIG_SIZE 256

#define VIRTIO_F_INDIRECT  (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

enum virtio_status {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 0x40,
    VIRTIO_FAILED = 0x80,
};

struct virtio;

struct virtio_type {
    const char *name;
    uint16_t id; /* of the device type: 2 is a block device */
    uint32_t class_code;
    uint64_t features; /* besides those of every device */
    unsigned config_size;
    /* With the device's lock held. `process`: the driver has notified queue n, in
     * the device's event loop; takes chains until there are none, or returns true to be
     * called again. All others but `free` may be NULL. */
    bool (*process)(struct virtio *v, unsigned n);
    void (*config_written)(struct virtio *v); /* v->config has been written to */
    void (*reset)(struct virtio *v);
    /* With the BQL alone: ends the event loop, if it is the device's; then frees the
     * struct that v is in. */
    void (*stop)(struct virtio *v);
    void (*free)(struct virtio *v);
};

struct virtio_queue {
    struct virtio *device IMMUTABLE_AFTER_INIT;
    unsigned n IMMUTABLE_AFTER_INIT;
    struct aio_bh *bh IMMUTABLE_AFTER_INIT;
    struct virtq q OWNED_BY(holder of the lock of the device);
};

/* First member of each device's own struct. */
struct virtio {
    struct pci_device pci;
    const struct virtio_type *type IMMUTABLE_AFTER_INIT;
    struct aio_context *ctx IMMUTABLE_AFTER_INIT;
    unsigned queues IMMUTABLE_AFTER_INIT;
    uint64_t features IMMUTABLE_AFTER_INIT; /* offered */
    struct memory_region bar, common, isr_region, config_region, notify;

    struct mutex lock;
    uint8_t config[VIRTIO_CONFIG_SIZE] GUARDED_BY(&lock);
    uint64_t driver_features GUARDED_BY(&lock);
    uint32_t feature_select GUARDED_BY(&lock), driver_feature_select GUARDED_BY(&lock);
    uint16_t config_vector GUARDED_BY(&lock), queue_select GUARDED_BY(&lock);
    uint8_t status GUARDED_BY(&lock), generation GUARDED_BY(&lock);
    struct virtio_queue *queue IMMUTABLE_AFTER_INIT;

    struct mutex isr_lock; /* keeps ISR and line in step */
    uint8_t isr GUARDED_BY(&isr_lock);
};

/* The device is zeroed. On failure nothing remains, but the struct is the caller's. */
NODISCARD int virtio_init(struct virtio *v, const struct virtio_type *type, struct pci_bus *bus,
                          int devfn, unsigned queues, struct aio_context *ctx, struct error *err)
    REQUIRES(bql);

/* Interrupts for queue n, if the driver wants it. */
void virtio_notify_queue(struct virtio *v, unsigned n) REQUIRES(&v -> lock);
/* The device's configuration has changed. */
void virtio_notify_config(struct virtio *v) REQUIRES(&v -> lock);
/* Looks at queue n soon, as if the driver had notified. Any thread. */
void virtio_schedule(struct virtio *v, unsigned n);
bool virtio_has_feature(const struct virtio *v, uint64_t feature) REQUIRES(&v -> lock);

#endif
