/* The bus, configuration space and BARs (PCI Local Bus Specification 3.0).
 *
 * Each byte of configuration space has a mask of what the guest can change and one of
 * what writing 1 clears; everything else follows from looking at the registers after
 * they were written. BARs lie below everything else in memory: one that the guest
 * places over RAM or the APICs hides nothing. */
#include "hw/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOCK_CLASS_DEFINE(pci_intx_class, RANK_LEAF);

#define FIRST_CAP    0x40
#define STATUS_CAPS  0x10u
#define STATUS_INTX  0x08u
#define HEADER_MULTI 0x80u
#define COMMAND_CHANGES                                                                            \
    (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR |                 \
     PCI_COMMAND_NO_INTX)

void pci_put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

uint32_t pci_get(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size && i < 4; i++) {
        value |= (uint32_t)at[i] << 8 * i;
    }
    return value;
}

/* Where BAR n is to be mapped; UINT64_MAX: nowhere. */
static uint64_t bar_wanted(const struct pci_device *d, unsigned n) REQUIRES(bql)
{
    const struct pci_bar *bar = &d->bar[n];
    const uint8_t *reg = &d->config[PCI_BAR0 + 4 * n];
    uint32_t command = pci_get(&d->config[PCI_COMMAND], 2);
    uint64_t addr = pci_get(reg, 4);

    if (!(command & (bar->type & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return UINT64_MAX;
    }
    if (bar->type & PCI_BAR_IO) {
        addr &= ~UINT64_C(3);
        return addr == 0 || addr > 0x10000 - bar->size ? UINT64_MAX : addr;
    }
    addr &= ~UINT64_C(15);
    if (bar->type & PCI_BAR_MEMORY64) {
        addr |= (uint64_t)pci_get(reg + 4, 4) << 32;
    }
    /* All ones is how its size is asked for. */
    return addr == 0 || addr > UINT64_MAX - bar->size * 2 ? UINT64_MAX : addr;
}

static void update_bar(struct pci_device *d, unsigned n) REQUIRES(bql)
{
    struct pci_bar *bar = &d->bar[n];
    uint64_t addr = bar_wanted(d, n);
    bool wanted = addr != UINT64_MAX;

    if (wanted == bar->mapped && (!wanted || addr == bar->addr)) {
        return;
    }
    if (bar->mapped) {
        memory_region_remove(bar->region);
    }
    bar->mapped = wanted;
    bar->addr = addr;
    if (wanted) {
        memory_region_add(bar->type & PCI_BAR_IO ? &d->bus->machine->io : &d->bus->memory, addr,
                          bar->region, 1);
    }
}

static void update_bars(struct pci_device *d) REQUIRES(bql)
{
    memory_transaction_begin();
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (d->bar[n].region) {
            update_bar(d, n);
        }
    }
    memory_transaction_commit();
}

/* What the line sees of a device: its level, unless the command register says no. */
static void drive_intx(struct pci_bus *bus, struct pci_device *d) REQUIRES(&bus -> intx_lock)
{
    unsigned command = atomic_load_explicit(&d->command, memory_order_relaxed);
    unsigned pirq, pin = atomic_load_explicit(&d->pin, memory_order_relaxed);
    bool level = d->intx_wanted && !(command & PCI_COMMAND_NO_INTX);

    if (level == d->intx_driven || pin == 0) {
        return;
    }
    d->intx_driven = level;
    pirq = bus->map_pin(d->devfn, pin - 1) % PCI_PIRQS;
    bus->pirq_users[pirq] += level ? 1u : -1u;
    if (bus->pirq_users[pirq] == level) { /* the first to come, or the last to go */
        bus->set_pirq(bus->pirq_opaque, pirq, level);
    }
}

void pci_set_intx(struct pci_device *d, bool level)
{
    struct pci_bus *bus = d->bus;

    mutex_lock(&bus->intx_lock);
    d->intx_wanted = level;
    drive_intx(bus, d);
    mutex_unlock(&bus->intx_lock);
}

static void set_intx(void *opaque, unsigned n, bool level)
{
    (void)n;
    pci_set_intx(opaque, level);
}

struct irq pci_intx_line(struct pci_device *d)
{
    return (struct irq){.set = set_intx, .opaque = d};
}

static void command_written(struct pci_device *d) REQUIRES(bql)
{
    struct pci_bus *bus = d->bus;

    atomic_store_explicit(&d->command, pci_get(&d->config[PCI_COMMAND], 2), memory_order_relaxed);
    mutex_lock(&bus->intx_lock);
    drive_intx(bus, d);
    mutex_unlock(&bus->intx_lock);
}

static struct pci_device *find(struct pci_bus *bus, uint16_t bdf, unsigned offset, unsigned size)
    REQUIRES(bql)
{
    struct pci_device *d = bdf < 256 ? bus->device[bdf] : NULL;

    if (offset + size > (bus->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE) || size > 4) {
        return NULL;
    }
    return d;
}

uint32_t pci_config_read(struct pci_bus *bus, uint16_t bdf, unsigned offset, unsigned size)
{
    struct pci_device *d = find(bus, bdf, offset, size);
    bool asserted;

    if (!d) {
        return UINT32_MAX;
    }
    if (offset <= PCI_STATUS && offset + size > PCI_STATUS) {
        mutex_lock(&bus->intx_lock);
        asserted = d->intx_wanted;
        mutex_unlock(&bus->intx_lock);
        d->config[PCI_STATUS] =
            (uint8_t)((d->config[PCI_STATUS] & ~STATUS_INTX) | (asserted ? STATUS_INTX : 0));
    }
    return pci_get(&d->config[offset], size);
}

static bool overlaps(unsigned offset, unsigned size, unsigned at, unsigned len)
{
    return offset < at + len && at < offset + size;
}

void pci_config_write(struct pci_bus *bus, uint16_t bdf, unsigned offset, unsigned size,
                      uint32_t value)
{
    struct pci_device *d = find(bus, bdf, offset, size);

    if (!d) {
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * i), *reg = &d->config[offset + i];
        uint8_t mask = d->writable[offset + i];

        *reg = (uint8_t)((*reg & ~mask) | (byte & mask));
        *reg = (uint8_t)(*reg & ~(byte & d->write_clears[offset + i]));
    }
    if (overlaps(offset, size, PCI_COMMAND, 2)) {
        command_written(d);
    }
    if (overlaps(offset, size, PCI_COMMAND, 2) || overlaps(offset, size, PCI_BAR0, 4 * PCI_BARS)) {
        update_bars(d);
    }
    pci_messages_config_written(d, offset, size);
    if (d->ops->config_written) {
        d->ops->config_written(d, offset, size);
    }
}

int pci_free_slot(const struct pci_bus *bus)
{
    for (int slot = 2; slot < 31; slot++) {
        bool used = false;

        for (int f = 0; f < 8; f++) {
            used = used || bus->device[PCI_DEVFN(slot, f)];
        }
        if (!used) {
            return PCI_DEVFN(slot, 0);
        }
    }
    return -1;
}

int pci_device_init(struct pci_device *d, struct pci_bus *bus, int devfn, const char *name,
                    const struct pci_ids *ids, const struct pci_device_ops *ops, struct error *err)
{
    int at = devfn < 0 ? pci_free_slot(bus) : devfn;

    if (at < 0 || at > 255) {
        return error_set(err, EBUSY, "%s: no free slot on the PCI bus", name);
    }
    if (bus->device[at]) {
        return error_set(err, EBUSY, "PCI: slot %d function %d not available for %s, in use by %s",
                         at / 8, at % 8, name, bus->device[at]->name);
    }
    d->name = name;
    d->bus = bus; /* from here on it is on the bus */
    d->ops = ops;
    d->devfn = (uint8_t)at;
    d->next_cap = FIRST_CAP;
    pci_messages_init(d);
    pci_put(&d->config[PCI_VENDOR], ids->vendor, 2);
    pci_put(&d->config[PCI_DEVICE], ids->device, 2);
    pci_put(&d->config[PCI_SUBSYSTEM_VENDOR], ids->subsystem_vendor, 2);
    pci_put(&d->config[PCI_SUBSYSTEM], ids->subsystem, 2);
    pci_put(&d->config[PCI_CLASS], ids->class_code, 3);
    d->config[PCI_REVISION] = ids->revision;
    pci_put(&d->writable[PCI_COMMAND], COMMAND_CHANGES, 2);
    d->writable[PCI_INTERRUPT_LINE] = 0xff;
    d->writable[0x0c] = 0xff; /* cache line size: kept, and nothing else */
    if (at % 8 != 0 && bus->device[at & ~7]) {
        bus->device[at & ~7]->config[PCI_HEADER_TYPE] |= HEADER_MULTI;
    }
    bus->device[at] = d;
    return 0;
}

static void unmap_bars(struct pci_device *d) REQUIRES(bql)
{
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (d->bar[n].mapped) {
            memory_region_remove(d->bar[n].region);
            d->bar[n].mapped = false;
        }
    }
}

void pci_device_remove(struct pci_device *d)
{
    pci_set_intx(d, false);
    unmap_bars(d);
    d->bus->device[d->devfn] = NULL;
}

void pci_device_set_pin(struct pci_device *d, unsigned pin)
{
    d->config[PCI_INTERRUPT_PIN] = (uint8_t)(pin + 1);
    atomic_store_explicit(&d->pin, pin + 1, memory_order_relaxed);
}

void pci_device_add_bar(struct pci_device *d, unsigned n, unsigned type,
                        struct memory_region *region, uint64_t size)
{
    bool wide = (type & (PCI_BAR_IO | PCI_BAR_MEMORY64)) == PCI_BAR_MEMORY64;
    uint64_t mask = ~(size - 1);
    uint8_t *reg = &d->config[PCI_BAR0 + 4 * n];

    d->bar[n] = (struct pci_bar){.region = region, .size = size, .type = type};
    reg[0] = (uint8_t)(type & (type & PCI_BAR_IO ? 3u : 15u));
    pci_put(&d->writable[PCI_BAR0 + 4 * n], mask & (type & PCI_BAR_IO ? ~3u : ~15u), 4);
    if (wide) {
        pci_put(&d->writable[PCI_BAR0 + 4 * n], mask & ~UINT64_C(15), 8);
    }
}

unsigned pci_device_add_capability(struct pci_device *d, uint8_t id, unsigned size)
{
    unsigned at = d->next_cap;

    if (size > PCI_CONFIG_SIZE - at) {
        return 0;
    }
    d->config[at] = id;
    d->config[at + 1] = d->config[PCI_CAPABILITIES];
    d->config[PCI_CAPABILITIES] = (uint8_t)at;
    d->config[PCI_STATUS] |= STATUS_CAPS;
    d->next_cap = (uint8_t)(at + size + 3 > 0xfc ? 0xfc : (at + size + 3) & ~3u);
    return at;
}

bool pci_is_master(const struct pci_device *d)
{
    return atomic_load_explicit(&d->command, memory_order_relaxed) & PCI_COMMAND_MASTER;
}

enum memory_result pci_dma_read(struct pci_device *d, uint64_t addr, void *buf, uint64_t len)
{
    if (!pci_is_master(d)) {
        return MEMORY_ERROR;
    }
    return address_space_read(d->bus->machine->memory_as, addr, buf, len);
}

enum memory_result pci_dma_write(struct pci_device *d, uint64_t addr, const void *buf, uint64_t len)
{
    if (!pci_is_master(d)) {
        return MEMORY_ERROR;
    }
    return address_space_write(d->bus->machine->memory_as, addr, buf, len);
}

static void reset_device(struct pci_device *d) REQUIRES(bql)
{
    for (unsigned i = 0; i < PCIE_CONFIG_SIZE; i++) { /* other than 0: by ops->reset */
        d->config[i] &= (uint8_t)~d->writable[i];
    }
    for (unsigned n = 0; n < PCI_BARS; n++) {
        if (d->bar[n].region) {
            unsigned wide = d->bar[n].type & PCI_BAR_MEMORY64 ? 8 : 4;

            pci_put(&d->config[PCI_BAR0 + 4 * n], d->bar[n].type, wide);
        }
    }
    update_bars(d);
    pci_set_intx(d, false);
    command_written(d);
    pci_messages_reset(d);
    if (d->ops->reset) {
        d->ops->reset(d);
    }
}

void pci_bus_reset(void *opaque)
{
    struct pci_bus *bus = opaque;

    for (unsigned i = 0; i < 256; i++) {
        if (bus->device[i]) {
            reset_device(bus->device[i]);
        }
    }
}

/* Where interrupt pins lead before there is a south bridge. */
static unsigned map_no_pin(uint8_t devfn, unsigned pin)
{
    (void)devfn;
    return pin;
}

static void set_no_pirq(void *opaque, unsigned n, bool level)
{
    (void)opaque;
    (void)n;
    (void)level;
}

void pci_bus_init(struct pci_bus *bus, struct machine *m, bool express)
{
    bus->machine = m;
    bus->express = express;
    bus->map_pin = map_no_pin;
    bus->set_pirq = set_no_pirq;
    mutex_init(&bus->intx_lock, &pci_intx_class);
    memory_region_init(&bus->memory, "pci", UINT64_MAX);
    memory_region_add(&m->memory, 0, &bus->memory, -1);
}

static void free_device(struct pci_device *d) REQUIRES(bql)
{
    pci_device_remove(d);
    pci_messages_cleanup(d);
    if (d->ops->free) {
        d->ops->free(d);
    }
}

void pci_bus_cleanup(struct pci_bus *bus)
{
    struct pci_device *router = bus->router;

    for (unsigned i = 256; i-- > 0;) {
        struct pci_device *d = bus->device[i];

        if (d && d != router) {
            free_device(d);
        }
    }
    if (router) { /* the others' lines led to it */
        free_device(router);
    }
    memory_region_destroy(&bus->memory);
}
