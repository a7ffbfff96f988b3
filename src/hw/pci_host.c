/* Configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3). The reset
 * control register lies within the address register's doubleword, where it is seen by
 * accesses of one byte. */
#include "hw/pci_host.h"

#include <string.h>

#include "hw/lapic.h"

#define ADDRESS_PORT 0xcf8
#define ENABLE       0x80000000u
#define RESET_OFFSET 1
#define RESET_HARD   2u
#define RESET_NOW    4u

static enum memory_result address_read(void *opaque, uint64_t offset, unsigned size,
                                       uint64_t *value)
{
    const struct pci_host *h = opaque;

    bql_assert_locked();
    if (size == 1 && offset == RESET_OFFSET) {
        *value = h->reset_control;
    } else {
        *value = size == 4 ? h->address : UINT32_MAX;
    }
    return MEMORY_OK;
}

static enum memory_result address_write(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t value)
{
    struct pci_host *h = opaque;

    bql_assert_locked();
    if (size == 4) {
        h->address = value & 0x80fffffcu;
    } else if (size == 1 && offset == RESET_OFFSET) {
        if ((value & RESET_NOW) && !(h->reset_control & RESET_NOW)) {
            machine_request(h->bus->machine, MACHINE_RESET, 0);
        }
        h->reset_control = value & RESET_HARD;
    }
    return MEMORY_OK;
}

static enum memory_result data_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct pci_host *h = opaque;

    bql_assert_locked();
    *value = UINT32_MAX;
    if (h->address & ENABLE) {
        *value = pci_config_read(h->bus, (uint16_t)(h->address >> 8),
                                 (h->address & 0xfc) + (unsigned)offset, size);
    }
    return MEMORY_OK;
}

static enum memory_result data_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci_host *h = opaque;

    bql_assert_locked();
    if (h->address & ENABLE) {
        pci_config_write(h->bus, (uint16_t)(h->address >> 8),
                         (h->address & 0xfc) + (unsigned)offset, size, (uint32_t)value);
    }
    return MEMORY_OK;
}

static const struct memory_ops address_ops = {
    .read = address_read, .write = address_write, .min_size = 1, .max_size = 4};
static const struct memory_ops data_ops = {
    .read = data_read, .write = data_write, .min_size = 1, .max_size = 4};

/* A message is a write; those to the APICs' addresses are interrupts. Others go to RAM
 * or nowhere: who sends may hold locks that no other device must see. */
static void send_message(void *opaque, uint64_t addr, uint32_t data)
{
    struct pci_host *h = opaque;
    struct address_space *as = h->bus->machine->memory_as;
    uint64_t len = sizeof(data);
    void *host;

    if ((addr & ~UINT64_C(0xfffff)) == LAPIC_BASE) {
        lapic_set_msi(h->lapics, addr, data);
        return;
    }
    host = address_space_map(as, addr, &len, true);
    if (host) {
        memcpy(host, &data, len);
        address_space_unmap(as, host, len, true, len);
    }
}

void pci_host_init(struct pci_host *h, struct pci_bus *bus, struct lapic_set *lapics)
{
    h->bus = bus;
    h->lapics = lapics;
    bus->send = send_message;
    bus->send_opaque = h;
    memory_region_init_io(&h->address_region, &address_ops, h, "pci-address", 4);
    memory_region_add(&bus->machine->io, ADDRESS_PORT, &h->address_region, 0);
    memory_region_init_io(&h->data_region, &data_ops, h, "pci-data", 4);
    memory_region_add(&bus->machine->io, ADDRESS_PORT + 4, &h->data_region, 0);
}

void pci_host_reset(struct pci_host *h)
{
    h->address = 0;
    h->reset_control = 0;
}

void pci_host_cleanup(struct pci_host *h)
{
    memory_region_destroy(&h->address_region);
    memory_region_destroy(&h->data_region);
}
