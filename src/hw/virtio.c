/* What all virtio devices have in common but the transport: status, features, queues
 * and the event loop that works on them. */
#include "hw/virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec/icount.h"
#include "hw/virtio_internal.h"

/* Taken after the BQL by register accesses, before the locks that DMA takes. */
LOCK_CLASS_DEFINE(virtio_class, RANK_BQL);
LOCK_CLASS_DEFINE(virtio_isr_class, RANK_LEAF);

/* Works on a queue; true: there is more. */
static bool work(struct virtio_queue *queue)
{
    struct virtio *v = queue->device;
    bool more = false;

    mutex_lock(&v->lock);
    if ((v->status & VIRTIO_DRIVER_OK) && queue->q.ready && !queue->q.broken) {
        more = v->type->process(v, queue->n);
        virtio_notify_queue(v, queue->n);
        if (queue->q.broken) {
            virtio_set_status(v, v->status | VIRTIO_NEEDS_RESET);
            virtio_notify_config(v);
            more = false;
        }
    }
    mutex_unlock(&v->lock);
    return more;
}

static void on_queue(void *opaque)
{
    struct virtio_queue *queue = opaque;

    if (work(queue)) {
        aio_bh_schedule(queue->bh);
    }
}

void virtio_notified(struct virtio *v, unsigned n)
{
    if (n >= v->queues) {
        return;
    }
    if (!icount_enabled()) {
        aio_bh_schedule(v->queue[n].bh);
        return;
    }
    bql_assert_locked();
    while (work(&v->queue[n])) {
    }
}

void virtio_notify_queue(struct virtio *v, unsigned n)
{
    struct virtq *q = &v->queue[n].q;

    if (virtq_wants_interrupt(q)) {
        virtio_pci_interrupt(v, q->vector, VIRTIO_ISR_QUEUE);
    }
}

void virtio_notify_config(struct virtio *v)
{
    if (v->status & VIRTIO_DRIVER_OK) {
        v->generation++;
        virtio_pci_interrupt(v, v->config_vector, VIRTIO_ISR_CONFIG);
    }
}

void virtio_schedule(struct virtio *v, unsigned n)
{
    if (n < v->queues) {
        aio_bh_schedule(v->queue[n].bh);
    }
}

bool virtio_has_feature(const struct virtio *v, uint64_t feature)
{
    return v->driver_features & v->features & feature;
}

void virtio_reset(struct virtio *v)
{
    for (unsigned n = 0; n < v->queues; n++) {
        virtq_reset(&v->queue[n].q);
    }
    v->driver_features = 0;
    v->feature_select = v->driver_feature_select = 0;
    v->config_vector = VIRTQ_VECTOR_NONE;
    v->queue_select = 0;
    v->status = 0;
    if (v->type->reset) {
        v->type->reset(v);
    }
}

void virtio_set_status(struct virtio *v, uint8_t status)
{
    if (status == 0) {
        virtio_reset(v);
        return;
    }
    if ((status & VIRTIO_FEATURES_OK) && !(v->status & VIRTIO_FEATURES_OK) &&
        ((v->driver_features & ~v->features) || !(v->driver_features & VIRTIO_F_VERSION_1))) {
        status &= (uint8_t)~VIRTIO_FEATURES_OK; /* not these */
    }
    v->status = status | (v->status & VIRTIO_NEEDS_RESET);
}

static void bus_reset(struct pci_device *d)
{
    struct virtio *v = (struct virtio *)(void *)d;

    mutex_lock(&v->lock);
    virtio_reset(v);
    mutex_unlock(&v->lock);
    mutex_lock(&v->isr_lock);
    v->isr = 0;
    mutex_unlock(&v->isr_lock);
}

static void delete_bhs(struct virtio *v)
{
    for (unsigned n = 0; n < v->queues; n++) {
        aio_bh_delete(v->queue[n].bh);
    }
}

static void bus_free(struct pci_device *d)
{
    struct virtio *v = (struct virtio *)(void *)d;

    bql_assert_locked();
    mutex_lock(&v->lock);
    virtio_reset(v);
    mutex_unlock(&v->lock);
    virtio_pci_cleanup(v);
    delete_bhs(v);
    if (v->type->stop) {
        v->type->stop(v); /* until then one may still run */
    }
    free(v->queue);
    v->type->free(v);
}

static const struct pci_device_ops bus_ops = {.reset = bus_reset, .free = bus_free};

int virtio_init(struct virtio *v, const struct virtio_type *type, struct pci_bus *bus, int devfn,
                unsigned queues, struct aio_context *ctx, struct error *err)
{
    const struct pci_ids ids = {.vendor = 0x1af4,
                                .device = (uint16_t)(0x1040 + type->id),
                                .subsystem_vendor = 0x1af4,
                                .subsystem = 0x1100,
                                .class_code = type->class_code,
                                .revision = 1};
    int ret;

    if (queues == 0 || queues > VIRTIO_QUEUES) {
        return error_set(err, EINVAL, "%s: %u queues are not possible", type->name, queues);
    }
    v->type = type;
    v->ctx = ctx;
    v->queues = queues;
    v->features = type->features | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1;
    mutex_init(&v->lock, &virtio_class);
    mutex_init(&v->isr_lock, &virtio_isr_class);
    v->queue = calloc(queues, sizeof(*v->queue));
    if (!v->queue) {
        return error_set(err, ENOMEM, "%s: out of memory", type->name);
    }
    for (unsigned n = 0; n < queues; n++) {
        struct virtio_queue *queue = &v->queue[n];

        queue->device = v;
        queue->n = n;
        queue->bh = aio_bh_new(ctx, on_queue, queue);
        virtq_init(&queue->q, bus->machine->memory_as);
    }
    ret = pci_device_init(&v->pci, bus, devfn, type->name, &ids, &bus_ops, err);
    if (ret == 0) {
        ret = virtio_pci_init(v, err);
        if (ret < 0) {
            pci_device_remove(&v->pci);
            pci_messages_cleanup(&v->pci);
        }
    }
    if (ret < 0) {
        delete_bhs(v);
        free(v->queue);
        return ret;
    }
    mutex_lock(&v->lock);
    virtio_reset(v);
    mutex_unlock(&v->lock);
    return 0;
}
