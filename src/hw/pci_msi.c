/* Message signalled interrupts (PCI Local Bus Specification 3.0, 6.8). What a message
 * needs is kept beside configuration space, under a spinlock of the device, so that
 * any thread can send one; messages leave after the lock is released. The MSI-X table
 * is a region without the BQL. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pci.h"

LOCK_CLASS_DEFINE(pci_messages_class, RANK_LEAF);

#define MSI_CONTROL 2
#define MSI_ENABLE  1u
#define MSI_IS_64   0x80u
#define MSI_ADDRESS 4
#define MSI_SIZE    14

#define MSIX_CONTROL  2
#define MSIX_ENABLE   0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSIX_SIZE     12
#define MSIX_MAX      128
#define MSIX_PBA      2048 /* in its BAR */
#define ENTRY_MASKED  1u

struct message {
    bool send;
    uint64_t addr;
    uint32_t data;
};

static void post(struct pci_device *d, const struct message *m)
{
    if (m->send && pci_is_master(d)) {
        d->bus->send(d->bus->send_opaque, m->addr, m->data);
    }
}

bool pci_msi_enabled(struct pci_device *d)
{
    bool enabled;

    spinlock_lock(&d->messages.lock);
    enabled = d->messages.msi;
    spinlock_unlock(&d->messages.lock);
    return enabled;
}

bool pci_msix_enabled(struct pci_device *d)
{
    bool enabled;

    spinlock_lock(&d->messages.lock);
    enabled = d->messages.msix;
    spinlock_unlock(&d->messages.lock);
    return enabled;
}

void pci_msi_notify(struct pci_device *d)
{
    struct pci_messages *s = &d->messages;
    struct message m;

    spinlock_lock(&s->lock);
    m = (struct message){.send = s->msi, .addr = s->msi_addr, .data = s->msi_data};
    spinlock_unlock(&s->lock);
    post(d, &m);
}

/* The message of a vector that exists, if it may go; else it becomes pending. */
static struct message take(struct pci_messages *s, unsigned n) REQUIRES(&s -> lock)
{
    const struct msix_entry *e = &s->msix_entry[n];
    uint64_t bit = UINT64_C(1) << n % 64;

    if (!s->msix) {
        return (struct message){.send = false};
    }
    if (s->msix_masked || (e->control & ENTRY_MASKED)) {
        s->msix_pending[n / 64] |= bit;
        return (struct message){.send = false};
    }
    s->msix_pending[n / 64] &= ~bit;
    return (struct message){.send = true, .addr = e->addr, .data = e->data};
}

void pci_msix_notify(struct pci_device *d, unsigned vector)
{
    struct pci_messages *s = &d->messages;
    struct message m;

    if (vector >= s->msix_count) {
        return;
    }
    spinlock_lock(&s->lock);
    m = take(s, vector);
    spinlock_unlock(&s->lock);
    post(d, &m);
}

/* Sends vector n if it is pending and has become unmasked. */
static void send_pending(struct pci_device *d, unsigned n)
{
    struct pci_messages *s = &d->messages;
    struct message m = {.send = false};

    spinlock_lock(&s->lock);
    if (s->msix_pending[n / 64] >> n % 64 & 1) {
        m = take(s, n);
    }
    spinlock_unlock(&s->lock);
    post(d, &m);
}

static enum memory_result table_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct pci_device *d = opaque;
    struct pci_messages *s = &d->messages;
    const struct msix_entry *e;
    (void)size;

    spinlock_lock(&s->lock);
    e = &s->msix_entry[offset / 16];
    *value = offset % 16 == 12  ? e->control
             : offset % 16 == 8 ? e->data
                                : (uint32_t)(e->addr >> offset % 8 * 8);
    spinlock_unlock(&s->lock);
    return MEMORY_OK;
}

static enum memory_result table_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_device *d = opaque;
    struct pci_messages *s = &d->messages;
    struct msix_entry *e;
    (void)size;

    spinlock_lock(&s->lock);
    e = &s->msix_entry[offset / 16];
    switch (offset % 16) {
    case 0:
        e->addr = (e->addr & ~(uint64_t)UINT32_MAX) | (value & ~UINT64_C(3));
        break;
    case 4:
        e->addr = (e->addr & UINT32_MAX) | value << 32;
        break;
    case 8:
        e->data = (uint32_t)value;
        break;
    default:
        e->control = value & ENTRY_MASKED;
        break;
    }
    spinlock_unlock(&s->lock);
    send_pending(d, (unsigned)(offset / 16));
    return MEMORY_OK;
}

static enum memory_result pba_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct pci_device *d = opaque;
    struct pci_messages *s = &d->messages;
    (void)size;

    spinlock_lock(&s->lock);
    *value = (uint32_t)(s->msix_pending[offset / 8] >> offset % 8 * 8);
    spinlock_unlock(&s->lock);
    return MEMORY_OK;
}

static enum memory_result pba_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

static const struct memory_ops table_ops = {
    .read = table_read, .write = table_write, .min_size = 4, .max_size = 4};
static const struct memory_ops pba_ops = {
    .read = pba_read, .write = pba_write, .min_size = 4, .max_size = 4};

static void msi_written(struct pci_device *d) REQUIRES(bql)
{
    struct pci_messages *s = &d->messages;
    const uint8_t *cap = &d->config[s->msi_cap];
    uint64_t addr = pci_get(cap + MSI_ADDRESS, 4) | (uint64_t)pci_get(cap + MSI_ADDRESS + 4, 4)
                                                        << 32;

    spinlock_lock(&s->lock);
    s->msi = cap[MSI_CONTROL] & MSI_ENABLE;
    s->msi_addr = addr;
    s->msi_data = pci_get(cap + MSI_ADDRESS + 8, 2);
    spinlock_unlock(&s->lock);
}

static void msix_written(struct pci_device *d) REQUIRES(bql)
{
    struct pci_messages *s = &d->messages;
    uint32_t control = pci_get(&d->config[s->msix_cap + MSIX_CONTROL], 2);

    spinlock_lock(&s->lock);
    s->msix = control & MSIX_ENABLE;
    s->msix_masked = control & MSIX_MASK_ALL;
    spinlock_unlock(&s->lock);
    for (unsigned n = 0; n < s->msix_count; n++) {
        send_pending(d, n);
    }
}

void pci_messages_config_written(struct pci_device *d, unsigned offset, unsigned size)
{
    const struct pci_messages *s = &d->messages;

    if (s->msi_cap && offset < s->msi_cap + MSI_SIZE && offset + size > s->msi_cap) {
        msi_written(d);
    }
    if (s->msix_cap && offset < s->msix_cap + 4 && offset + size > s->msix_cap) {
        msix_written(d);
    }
}

void pci_messages_reset(struct pci_device *d)
{
    struct pci_messages *s = &d->messages;

    if (s->msi_cap) {
        d->config[s->msi_cap + MSI_CONTROL] &= (uint8_t)~MSI_ENABLE;
        msi_written(d);
    }
    if (!s->msix_cap) {
        return;
    }
    d->config[s->msix_cap + MSIX_CONTROL + 1] &= 0x3f;
    spinlock_lock(&s->lock);
    for (unsigned n = 0; n < s->msix_count; n++) {
        s->msix_entry[n] = (struct msix_entry){.control = ENTRY_MASKED};
    }
    memset(s->msix_pending, 0, MSIX_MAX / 8);
    spinlock_unlock(&s->lock);
    msix_written(d);
}

void pci_messages_init(struct pci_device *d)
{
    spinlock_init(&d->messages.lock, &pci_messages_class);
}

int pci_msi_init(struct pci_device *d, struct error *err)
{
    unsigned cap = pci_device_add_capability(d, PCI_CAP_MSI, MSI_SIZE);

    if (!cap) {
        return error_set(err, ENOSPC, "%s: no room for the MSI capability", d->name);
    }
    d->messages.msi_cap = cap;
    d->config[cap + MSI_CONTROL] = MSI_IS_64;
    d->writable[cap + MSI_CONTROL] = MSI_ENABLE;
    pci_put(&d->writable[cap + MSI_ADDRESS], ~UINT64_C(3), 8);
    pci_put(&d->writable[cap + MSI_ADDRESS + 8], 0xffff, 2);
    return 0;
}

int pci_msix_init(struct pci_device *d, unsigned bar, unsigned count, struct error *err)
{
    struct pci_messages *s = &d->messages;
    unsigned cap;

    if (count == 0 || count > MSIX_MAX) {
        return error_set(err, EINVAL, "%s: %u MSI-X vectors are not possible", d->name, count);
    }
    cap = pci_device_add_capability(d, PCI_CAP_MSIX, MSIX_SIZE);
    if (!cap) {
        return error_set(err, ENOSPC, "%s: no room for the MSI-X capability", d->name);
    }
    s->msix_entry = calloc(count, sizeof(*s->msix_entry));
    s->msix_pending = calloc(MSIX_MAX / 64, sizeof(*s->msix_pending));
    if (!s->msix_entry || !s->msix_pending) {
        return error_set(err, ENOMEM, "%s: out of memory", d->name);
    }
    s->msix_cap = cap;
    s->msix_count = count;
    pci_put(&d->config[cap + MSIX_CONTROL], count - 1, 2);
    pci_put(&d->writable[cap + MSIX_CONTROL], MSIX_ENABLE | MSIX_MASK_ALL, 2);
    pci_put(&d->config[cap + 4], bar, 4);
    pci_put(&d->config[cap + 8], MSIX_PBA | bar, 4);
    memory_region_init(&s->msix_bar, "msix", 4096);
    memory_region_init_io(&s->msix_table, &table_ops, d, "msix-table", (uint64_t)count * 16);
    memory_region_set_lockless(&s->msix_table);
    memory_region_add(&s->msix_bar, 0, &s->msix_table, 0);
    memory_region_init_io(&s->msix_pba, &pba_ops, d, "msix-pba", (count + 63) / 64 * 8UL);
    memory_region_set_lockless(&s->msix_pba);
    memory_region_add(&s->msix_bar, MSIX_PBA, &s->msix_pba, 0);
    pci_device_add_bar(d, bar, PCI_BAR_MEMORY, &s->msix_bar, 4096);
    pci_messages_reset(d);
    return 0;
}

void pci_messages_cleanup(struct pci_device *d)
{
    struct pci_messages *s = &d->messages;

    if (s->msix_cap) {
        memory_region_destroy(&s->msix_table);
        memory_region_destroy(&s->msix_pba);
        memory_region_destroy(&s->msix_bar);
    }
    free(s->msix_entry);
    free(s->msix_pending);
    s->msix_entry = NULL;
    s->msix_pending = NULL;
}
