/* The modern PCI transport (Virtio 1.2, 4.1): one BAR with four structures of 4 KiB,
 * found by capabilities, and MSI-X in another. Common configuration is accessed with
 * the BQL and takes the device's lock; notification takes no lock at all, and the ISR
 * register a leaf lock of its own, so that neither waits for I/O. */
#include <errno.h>
#include <string.h>

#include "exec/icount.h"
#include "hw/virtio_internal.h"

#define BAR_REGISTERS 4
#define BAR_MSIX      1
#define PAGE          4096u

enum structure { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_CONFIG = 4 };
#define NOTIFY_MULTIPLIER 4

enum common {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    STATUS = 0x14,
    GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_AVAIL = 0x28,
    QUEUE_USED = 0x30,
};

void virtio_pci_interrupt(struct virtio *v, uint16_t vector, enum virtio_isr cause)
{
    if (pci_msix_enabled(&v->pci)) {
        pci_msix_notify(&v->pci, vector); /* "none" is a vector that does not exist */
        return;
    }
    mutex_lock(&v->isr_lock);
    v->isr |= (uint8_t)cause;
    pci_set_intx(&v->pci, true);
    mutex_unlock(&v->isr_lock);
}

static struct virtq *selected(struct virtio *v) REQUIRES(&v -> lock)
{
    return v->queue_select < v->queues ? &v->queue[v->queue_select].q : NULL;
}

static uint64_t read_queue(struct virtio *v, uint64_t offset) REQUIRES(&v -> lock)
{
    const struct virtq *q = selected(v);

    if (!q) {
        return 0;
    }
    switch (offset) {
    case QUEUE_SIZE:
        return q->size;
    case QUEUE_VECTOR:
        return q->vector;
    case QUEUE_ENABLE:
        return q->ready;
    case QUEUE_NOTIFY_OFF:
        return v->queue_select;
    case QUEUE_DESC:
        return q->desc_addr;
    case QUEUE_DESC + 4:
        return q->desc_addr >> 32;
    case QUEUE_AVAIL:
        return q->avail_addr;
    case QUEUE_AVAIL + 4:
        return q->avail_addr >> 32;
    case QUEUE_USED:
        return q->used_addr;
    case QUEUE_USED + 4:
        return q->used_addr >> 32;
    default:
        return 0;
    }
}

static uint64_t read_common(struct virtio *v, uint64_t offset) REQUIRES(&v -> lock)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        return v->feature_select;
    case DEVICE_FEATURE:
        return v->feature_select < 2 ? v->features >> 32 * v->feature_select : 0;
    case DRIVER_FEATURE_SELECT:
        return v->driver_feature_select;
    case DRIVER_FEATURE:
        return v->driver_feature_select < 2 ? v->driver_features >> 32 * v->driver_feature_select
                                            : 0;
    case CONFIG_VECTOR:
        return v->config_vector;
    case NUM_QUEUES:
        return v->queues;
    case STATUS:
        return v->status;
    case GENERATION:
        return v->generation;
    case QUEUE_SELECT:
        return v->queue_select;
    default:
        return read_queue(v, offset);
    }
}

static enum memory_result common_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio *v = opaque;
    uint64_t reg;

    mutex_lock(&v->lock);
    reg = read_common(v, offset);
    mutex_unlock(&v->lock);
    *value = size == 8 ? reg : reg & ((UINT64_C(1) << 8 * size) - 1);
    return MEMORY_OK;
}

static void put_half(uint64_t *addr, uint64_t value, bool high)
{
    *addr = high ? (*addr & UINT32_MAX) | value << 32 : (*addr & ~(uint64_t)UINT32_MAX) | value;
}

/* A vector that exists, or none. */
static uint16_t vector_of(const struct virtio *v, uint64_t value)
{
    return value < v->pci.messages.msix_count ? (uint16_t)value : VIRTQ_VECTOR_NONE;
}

static void write_queue(struct virtio *v, uint64_t offset, uint32_t value) REQUIRES(&v -> lock)
{
    struct virtq *q = selected(v);

    if (!q) {
        return;
    }
    if (offset == QUEUE_VECTOR) {
        q->vector = vector_of(v, value);
        return;
    }
    if (q->ready) {
        return; /* the rest is fixed while it is in use */
    }
    switch (offset) {
    case QUEUE_SIZE:
        if (value && value <= VIRTQ_MAX_SIZE && !(value & (value - 1))) {
            q->size = (uint16_t)value;
        }
        break;
    case QUEUE_ENABLE:
        if (value == 1 && (v->status & VIRTIO_FEATURES_OK)) {
            q->event_index = virtio_has_feature(v, VIRTIO_F_EVENT_IDX);
            virtq_enable(q);
        }
        break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4:
        put_half(&q->desc_addr, value, offset != QUEUE_DESC);
        break;
    case QUEUE_AVAIL:
    case QUEUE_AVAIL + 4:
        put_half(&q->avail_addr, value, offset != QUEUE_AVAIL);
        break;
    case QUEUE_USED:
    case QUEUE_USED + 4:
        put_half(&q->used_addr, value, offset != QUEUE_USED);
        break;
    default:
        break;
    }
}

static void write_common(struct virtio *v, uint64_t offset, uint32_t value) REQUIRES(&v -> lock)
{
    switch (offset) {
    case DEVICE_FEATURE_SELECT:
        v->feature_select = value;
        break;
    case DRIVER_FEATURE_SELECT:
        v->driver_feature_select = value;
        break;
    case DRIVER_FEATURE:
        if (v->driver_feature_select < 2 && !(v->status & VIRTIO_FEATURES_OK)) {
            put_half(&v->driver_features, value, v->driver_feature_select == 1);
        }
        break;
    case CONFIG_VECTOR:
        v->config_vector = vector_of(v, value);
        break;
    case STATUS:
        virtio_set_status(v, (uint8_t)value);
        break;
    case QUEUE_SELECT:
        v->queue_select = (uint16_t)value;
        break;
    default:
        write_queue(v, offset, value);
        break;
    }
}

static enum memory_result common_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio *v = opaque;
    bool reset = offset == STATUS && value == 0;
    bool ready = offset == STATUS && (value & VIRTIO_DRIVER_OK);
    (void)size;

    mutex_lock(&v->lock);
    write_common(v, offset, (uint32_t)value);
    mutex_unlock(&v->lock);
    if (reset) {
        mutex_lock(&v->isr_lock);
        v->isr = 0;
        pci_set_intx(&v->pci, false);
        mutex_unlock(&v->isr_lock);
    }
    for (unsigned n = 0; ready && n < v->queues; n++) {
        virtio_notified(v, n); /* it may have been filled already */
    }
    return MEMORY_OK;
}

static enum memory_result isr_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio *v = opaque;
    (void)size;

    *value = 0;
    if (offset == 0) {
        mutex_lock(&v->isr_lock);
        *value = v->isr;
        v->isr = 0;
        pci_set_intx(&v->pci, false);
        mutex_unlock(&v->isr_lock);
    }
    return MEMORY_OK;
}

static enum memory_result config_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio *v = opaque;

    *value = 0;
    mutex_lock(&v->lock);
    for (unsigned i = 0; i < size && offset + i < v->type->config_size; i++) {
        *value |= (uint64_t)v->config[offset + i] << 8 * i;
    }
    mutex_unlock(&v->lock);
    return MEMORY_OK;
}

static enum memory_result config_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio *v = opaque;

    if (!v->type->config_written) {
        return MEMORY_OK;
    }
    mutex_lock(&v->lock);
    for (unsigned i = 0; i < size && offset + i < v->type->config_size; i++) {
        v->config[offset + i] = (uint8_t)(value >> 8 * i);
    }
    v->type->config_written(v);
    mutex_unlock(&v->lock);
    return MEMORY_OK;
}

static enum memory_result notify_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    (void)value;
    virtio_notified(opaque, (unsigned)(offset / NOTIFY_MULTIPLIER));
    return MEMORY_OK;
}

static enum memory_result read_nothing(void *opaque, uint64_t offset, unsigned size,
                                       uint64_t *value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    *value = 0;
    return MEMORY_OK;
}

static enum memory_result write_nothing(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

static const struct memory_ops common_ops = {
    .read = common_read, .write = common_write, .min_size = 1, .max_size = 4};
static const struct memory_ops isr_ops = {
    .read = isr_read, .write = write_nothing, .min_size = 1, .max_size = 4};
static const struct memory_ops config_ops = {
    .read = config_read, .write = config_write, .min_size = 1, .max_size = 4};
static const struct memory_ops notify_ops = {
    .read = read_nothing, .write = notify_write, .min_size = 1, .max_size = 4};

static int add_structure(struct virtio *v, enum structure type, uint32_t offset, uint32_t size,
                         struct error *err) REQUIRES(bql)
{
    unsigned len = type == CAP_NOTIFY ? 20 : 16;
    unsigned at = pci_device_add_capability(&v->pci, PCI_CAP_VENDOR, len);

    if (!at) {
        return error_set(err, ENOSPC, "%s: no room for a capability", v->type->name);
    }
    v->pci.config[at + 2] = (uint8_t)len;
    v->pci.config[at + 3] = (uint8_t)type;
    v->pci.config[at + 4] = BAR_REGISTERS;
    pci_put(&v->pci.config[at + 8], offset, 4);
    pci_put(&v->pci.config[at + 12], size, 4);
    if (type == CAP_NOTIFY) {
        pci_put(&v->pci.config[at + 16], NOTIFY_MULTIPLIER, 4);
    }
    return 0;
}

int virtio_pci_init(struct virtio *v, struct error *err)
{
    struct memory_region *page[] = {&v->common, &v->isr_region, &v->config_region, &v->notify};
    static const enum structure type[] = {CAP_COMMON, CAP_ISR, CAP_CONFIG, CAP_NOTIFY};
    int ret = pci_msix_init(&v->pci, BAR_MSIX, v->queues + 1, err);

    for (unsigned i = 0; i < 4 && ret == 0; i++) {
        ret = add_structure(v, type[i], i * PAGE, PAGE, err);
    }
    if (ret < 0) {
        return ret;
    }
    pci_device_set_pin(&v->pci, 0);
    memory_region_init(&v->bar, v->type->name, 4UL * PAGE);
    memory_region_init_io(&v->common, &common_ops, v, "virtio-common", PAGE);
    memory_region_init_io(&v->isr_region, &isr_ops, v, "virtio-isr", PAGE);
    memory_region_set_lockless(&v->isr_region);
    memory_region_init_io(&v->config_region, &config_ops, v, "virtio-config", PAGE);
    memory_region_init_io(&v->notify, &notify_ops, v, "virtio-notify", PAGE);
    if (!icount_enabled()) { /* a queue is worked on with the BQL then */
        memory_region_set_lockless(&v->notify);
    }
    for (unsigned i = 0; i < 4; i++) {
        memory_region_add(&v->bar, (uint64_t)i * PAGE, page[i], 0);
    }
    pci_device_add_bar(&v->pci, BAR_REGISTERS, PCI_BAR_MEMORY64 | PCI_BAR_PREFETCH, &v->bar,
                       4UL * PAGE);
    return 0;
}

void virtio_pci_cleanup(struct virtio *v)
{
    memory_region_destroy(&v->common);
    memory_region_destroy(&v->isr_region);
    memory_region_destroy(&v->config_region);
    memory_region_destroy(&v->notify);
    memory_region_destroy(&v->bar);
}
