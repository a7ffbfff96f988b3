/* PCI: one bus, its devices' configuration space, and what that controls: BARs in
 * memory and port space, INTx lines, MSI and MSI-X.
 *
 * Configuration space and BARs are under the BQL. Interrupts are not: a device
 * raises its INTx line or sends a message from any thread. */
#ifndef MORTISE_HW_PCI_H
#define MORTISE_HW_PCI_H

#include <stdatomic.h>

#include "hw/machine.h"
#include "locks/mutex.h"
#include "locks/spinlock.h"

#define PCI_DEVFN(slot, function) ((uint8_t)((slot) << 3 | (function)))
#define PCI_SLOT(devfn)           ((devfn) >> 3)

#define PCI_CONFIG_SIZE  256 /* conventional */
#define PCIE_CONFIG_SIZE 4096
#define PCI_BARS         6
#define PCI_PIRQS        8

enum pci_reg {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x09, /* programming interface, subclass, class */
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};

enum pci_command {
    PCI_COMMAND_IO = 1 << 0,
    PCI_COMMAND_MEMORY = 1 << 1,
    PCI_COMMAND_MASTER = 1 << 2,
    PCI_COMMAND_SERR = 1 << 8,
    PCI_COMMAND_NO_INTX = 1 << 10,
};

#define PCI_CAP_MSI    0x05
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX   0x11

enum pci_bar_type {
    PCI_BAR_MEMORY = 0,
    PCI_BAR_IO = 1,
    PCI_BAR_MEMORY64 = 4,
    PCI_BAR_PREFETCH = 8, /* a flag with the memory types */
};

struct pci_device;

/* All with the BQL; each may be NULL. */
struct pci_device_ops {
    /* After bytes of configuration space have been written. */
    void (*config_written)(struct pci_device *d, unsigned offset, unsigned size);
    /* After the configuration header has been reset. */
    void (*reset)(struct pci_device *d);
    void (*free)(struct pci_device *d);
};

struct OWNED_BY(holder of the bql) pci_bar {
    struct memory_region *region; /* NULL: there is none */
    uint64_t size;
    unsigned type;
    bool mapped;
    uint64_t addr;
};

struct OWNED_BY(holder of the lock of its messages) msix_entry {
    uint64_t addr;
    uint32_t data, control;
};

/* Messages of one device; see pci_msi.c. */
struct pci_messages {
    struct spinlock lock;
    bool msi GUARDED_BY(&lock); /* enabled */
    bool msi_64 IMMUTABLE_AFTER_INIT;
    unsigned msi_cap IMMUTABLE_AFTER_INIT; /* offset of the capability; 0: none */
    uint64_t msi_addr GUARDED_BY(&lock);
    uint32_t msi_data GUARDED_BY(&lock);
    unsigned msi_vectors GUARDED_BY(&lock); /* enabled */

    bool msix GUARDED_BY(&lock), msix_masked GUARDED_BY(&lock);
    unsigned msix_cap IMMUTABLE_AFTER_INIT;
    unsigned msix_count IMMUTABLE_AFTER_INIT;
    struct msix_entry *msix_entry IMMUTABLE_AFTER_INIT PT_GUARDED_BY(&lock);
    uint64_t *msix_pending IMMUTABLE_AFTER_INIT PT_GUARDED_BY(&lock);
    struct memory_region msix_bar, msix_table, msix_pba;
};

/* Embedded by each device. Zeroed by its owner before pci_device_init. */
struct pci_device {
    const char *name IMMUTABLE_AFTER_INIT;
    struct pci_bus *bus IMMUTABLE_AFTER_INIT;
    const struct pci_device_ops *ops IMMUTABLE_AFTER_INIT;
    uint8_t devfn IMMUTABLE_AFTER_INIT;
    uint8_t config[PCIE_CONFIG_SIZE] GUARDED_BY(bql);
    uint8_t writable[PCIE_CONFIG_SIZE] GUARDED_BY(bql);     /* bits that the guest can change */
    uint8_t write_clears[PCIE_CONFIG_SIZE] GUARDED_BY(bql); /* bits that writing 1 clears */
    uint8_t next_cap GUARDED_BY(bql);
    struct pci_bar bar[PCI_BARS] GUARDED_BY(bql);
    struct pci_messages messages;
    atomic_uint command; /* a copy of the register, for threads without the BQL */
    atomic_uint pin;     /* 1: INTA; 0: none */
    bool intx_wanted OWNED_BY(holder of the intx_lock of the bus); /* what the device drives */
    bool intx_driven OWNED_BY(holder of the intx_lock of the bus); /* what the line sees of it */
};

struct pci_bus {
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct memory_region memory; /* where BARs go */
    struct pci_device *device[256] GUARDED_BY(bql);
    bool express IMMUTABLE_AFTER_INIT;

    /* By the host: where pin 0 to 3 of a device leads, what a line does, where a
     * message goes. */
    unsigned (*map_pin)(uint8_t devfn, unsigned pin) IMMUTABLE_AFTER_INIT;
    void (*set_pirq)(void *opaque, unsigned n, bool level) IMMUTABLE_AFTER_INIT;
    void *pirq_opaque IMMUTABLE_AFTER_INIT;
    void (*send)(void *opaque, uint64_t addr, uint32_t data) IMMUTABLE_AFTER_INIT;
    void *send_opaque IMMUTABLE_AFTER_INIT;

    struct mutex intx_lock;
    unsigned pirq_users[PCI_PIRQS] GUARDED_BY(&intx_lock); /* devices that drive it */

    struct pci_device *router IMMUTABLE_AFTER_INIT; /* whose lines pirqs are; NULL: the host's */
};

/* The bus itself, without devices; interrupt pins lead nowhere until the south bridge
 * fills in the hooks. */
void pci_bus_init(struct pci_bus *bus, struct machine *m, bool express) REQUIRES(bql);
void pci_bus_reset(void *opaque) REQUIRES(bql);
/* Frees all devices. */
void pci_bus_cleanup(struct pci_bus *bus) REQUIRES(bql);

/* Configuration accesses, of 1, 2 or 4 bytes within a doubleword. Only bus 0 exists. */
uint32_t pci_config_read(struct pci_bus *bus, uint16_t bdf, unsigned offset, unsigned size)
    REQUIRES(bql);
void pci_config_write(struct pci_bus *bus, uint16_t bdf, unsigned offset, unsigned size,
                      uint32_t value) REQUIRES(bql);

struct pci_ids {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /* class, subclass, interface: 24 bits */
    uint8_t revision;
};

/* Where a device goes that does not say where: the first slot that is free; -1: none is. */
int pci_free_slot(const struct pci_bus *bus) REQUIRES(bql);
/* Puts the device on the bus. devfn -1: the first free slot from 2 on. */
NODISCARD int pci_device_init(struct pci_device *d, struct pci_bus *bus, int devfn,
                              const char *name, const struct pci_ids *ids,
                              const struct pci_device_ops *ops, struct error *err) REQUIRES(bql);
/* Takes it off, with its BARs unmapped; its regions are still its owner's. */
void pci_device_remove(struct pci_device *d) REQUIRES(bql);

/* Its interrupt pin, 0 for INTA. Without it the device has none. */
void pci_device_set_pin(struct pci_device *d, unsigned pin) REQUIRES(bql);

/* BAR n; the region's size is a power of two, at least 16 (4 for ports). */
void pci_device_add_bar(struct pci_device *d, unsigned n, unsigned type,
                        struct memory_region *region, uint64_t size) REQUIRES(bql);

/* A capability of `size` bytes, at the offset that is returned, zeroed and read-only;
 * 0 if there is no room. */
unsigned pci_device_add_capability(struct pci_device *d, uint8_t id, unsigned size) REQUIRES(bql);

/* The level of its INTx line. Any thread. */
void pci_set_intx(struct pci_device *d, bool level);
/* The same as a line, for what is behind it. */
struct irq pci_intx_line(struct pci_device *d);

/* DMA, which the command register must allow. Any thread. */
enum memory_result pci_dma_read(struct pci_device *d, uint64_t addr, void *buf, uint64_t len);
enum memory_result pci_dma_write(struct pci_device *d, uint64_t addr, const void *buf,
                                 uint64_t len);
bool pci_is_master(const struct pci_device *d);

/* pci_msi.c. One MSI vector, or `count` (at most 128) MSI-X vectors with their table
 * in BAR n of 4 KiB. */
NODISCARD int pci_msi_init(struct pci_device *d, struct error *err) REQUIRES(bql);
NODISCARD int pci_msix_init(struct pci_device *d, unsigned bar, unsigned count, struct error *err)
    REQUIRES(bql);
void pci_messages_cleanup(struct pci_device *d) REQUIRES(bql);
/* Whether the guest has enabled them: else the device uses INTx. Any thread. */
bool pci_msi_enabled(struct pci_device *d);
bool pci_msix_enabled(struct pci_device *d);
/* Sends a message, or marks it pending if it is masked. Vectors that do not exist
 * are dropped. Any thread. */
void pci_msi_notify(struct pci_device *d);
void pci_msix_notify(struct pci_device *d, unsigned vector);
/* For pci.c. */
void pci_messages_init(struct pci_device *d);
void pci_messages_config_written(struct pci_device *d, unsigned offset, unsigned size)
    REQUIRES(bql);
void pci_messages_reset(struct pci_device *d) REQUIRES(bql);

/* Little-endian fields of configuration space. */
void pci_put(uint8_t *at, uint64_t value, unsigned size);
uint32_t pci_get(const uint8_t *at, unsigned size);

#endif
