/* The controller as a PCI device, and the registers that all ports share (AHCI 2.1, 3.1). */
#include "hw/ahci.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/ahci_internal.h"

/* Taken after the BQL; what moves data takes others under it. */
LOCK_CLASS_DEFINE(ahci_io_class, RANK_BQL);

enum reg {
    REG_CAPABILITIES = 0x00,
    REG_CONTROL = 0x04,
    REG_PENDING = 0x08,
    REG_PORTS = 0x0c,
    REG_VERSION = 0x10
};

#define PORTS_AT   0x100u
#define PORT_SIZE  0x80u
#define PORTS_MASK ((1u << AHCI_PORTS) - 1)
#define BAR        5
#define BAR_SIZE   0x1000u

#define CAP_SLOTS    (31u << 8) /* 32 of them */
#define CAP_AHCI     (1u << 18) /* nothing but AHCI */
#define CAP_SPEED    (1u << 20) /* 1.5 Gbit/s */
#define CAP_OVERRIDE (1u << 24)
#define CAP_64       (1u << 31)
#define CAPABILITIES (CAP_64 | CAP_OVERRIDE | CAP_SPEED | CAP_AHCI | CAP_SLOTS | (AHCI_PORTS - 1))
#define VERSION      0x00010300u

#define CONTROL_RESET     (1u << 0)
#define CONTROL_INTERRUPT (1u << 1)
#define CONTROL_AHCI      (1u << 31)

#define REG_MAP  0x90 /* in configuration space: mode, and ports that are on */
#define MAP_AHCI 0x40

/* News: a message is to be sent if interrupts go by messages. */
static void drive_irq(struct ahci *a, bool news) REQUIRES(bql)
{
    bool level = a->pending && (a->control & CONTROL_INTERRUPT);
    bool messages = pci_msi_enabled(&a->pci);

    pci_set_intx(&a->pci, level && !messages);
    if (messages && level && news) {
        pci_msi_notify(&a->pci);
    }
}

void ahci_update_irq(struct ahci *a)
{
    uint32_t now = 0, before = a->pending;

    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        const struct ahci_port *p = &a->port[n];

        now |= ahci_port_events(p) & p->enabled ? 1u << n : 0;
    }
    a->pending |= now;
    drive_irq(a, now & ~before);
}

static void nothing(struct ide_unit *u) REQUIRES(bql)
{
    (void)u; /* ahci_command.c looks for itself when the drive has done something */
}

const struct ide_link ahci_link = {.interrupt = nothing, .dma_ready = nothing, .serial = true};

static void reset(struct ahci *a) REQUIRES(bql)
{
    a->control = CONTROL_AHCI;
    a->pending = 0;
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci_port_reset(&a->port[n]);
    }
    drive_irq(a, false);
}

static uint32_t read_register(const struct ahci *a, uint64_t offset) REQUIRES(bql)
{
    switch (offset) {
    case REG_CAPABILITIES:
        return CAPABILITIES;
    case REG_CONTROL:
        return a->control;
    case REG_PENDING:
        return a->pending;
    case REG_PORTS:
        return PORTS_MASK;
    case REG_VERSION:
        return VERSION;
    default:
        return 0;
    }
}

static void write_register(struct ahci *a, uint64_t offset, uint32_t v) REQUIRES(bql)
{
    if (offset == REG_CONTROL && (v & CONTROL_RESET)) {
        reset(a);
    } else if (offset == REG_CONTROL) {
        a->control = CONTROL_AHCI | (v & CONTROL_INTERRUPT);
        drive_irq(a, true);
    } else if (offset == REG_PENDING) {
        a->pending &= ~v;
        ahci_update_irq(a); /* a port that still has events is pending again */
    }
}

static enum memory_result bar_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct ahci *a = opaque;
    uint64_t port = (offset - PORTS_AT) / PORT_SIZE;
    (void)size;

    bql_assert_locked();
    if (offset < PORTS_AT) {
        *value = read_register(a, offset);
    } else {
        *value = port < AHCI_PORTS ? ahci_port_read(&a->port[port], offset % PORT_SIZE) : 0;
    }
    return MEMORY_OK;
}

static enum memory_result bar_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct ahci *a = opaque;
    uint64_t port = (offset - PORTS_AT) / PORT_SIZE;
    (void)size;

    bql_assert_locked();
    if (offset < PORTS_AT) {
        write_register(a, offset, (uint32_t)value);
    } else if (port < AHCI_PORTS) {
        ahci_port_write(&a->port[port], offset % PORT_SIZE, (uint32_t)value);
    }
    return MEMORY_OK;
}

static const struct memory_ops bar_ops = {
    .read = bar_read, .write = bar_write, .min_size = 4, .max_size = 4};

static struct ahci *ahci_of(struct pci_device *d)
{
    return (struct ahci *)(void *)d;
}

static void ahci_reset(struct pci_device *d)
{
    struct ahci *a = ahci_of(d);

    bql_assert_locked();
    pci_put(&d->config[REG_MAP], MAP_AHCI, 4);
    reset(a);
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ide_load_tray(&a->port[n].unit);
    }
}

static void stop_thread(struct ahci *a) REQUIRES(bql)
{
    if (a->thread) {
        bql_unlock(); /* which a port's turn may be waiting for, to find that it has ended */
        iothread_free(a->thread);
        bql_lock();
    }
}

static void ahci_free(struct pci_device *d)
{
    struct ahci *a = ahci_of(d);

    bql_assert_locked();
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        ahci_port_stop(&a->port[n]);
        if (a->port[n].bh) {
            aio_bh_delete(a->port[n].bh);
        }
    }
    stop_thread(a);
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        disk_close(a->port[n].unit.disk);
    }
    memory_region_destroy(&a->bar);
    free(a);
}

static const struct pci_device_ops ops = {.reset = ahci_reset, .free = ahci_free};

bool ahci_port_is_free(const struct ahci *a, unsigned port)
{
    return port < AHCI_PORTS && !a->port[port].unit.present;
}

int ahci_attach(struct ahci *a, unsigned port, const struct ide_drive *drive, struct error *err)
{
    struct ahci_port *p;

    if (!ahci_port_is_free(a, port)) {
        return error_set(err, EBUSY, "ahci: there is no free port %u", port);
    }
    if (!a->thread) {
        int ret = iothread_new("ahci", AIO_MONITOR_AUTO, &a->thread, err);

        if (ret < 0) {
            return ret;
        }
    }
    p = &a->port[port];
    ide_unit_init(&p->unit, &ahci_link, p, drive, port);
    p->bh = aio_bh_new(iothread_get_aio_context(a->thread), ahci_run, p);
    ahci_port_reset(p);
    return 0;
}

int ahci_new(struct pci_bus *bus, int devfn, struct ahci **out, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x2922,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x010601,
                                       .revision = 2};
    struct ahci *a = calloc(1, sizeof(*a));
    int ret;

    if (!a) {
        return error_set(err, ENOMEM, "ahci: out of memory");
    }
    ret = pci_device_init(&a->pci, bus, devfn, "ich9-ahci", &ids, &ops, err);
    if (ret < 0) {
        free(a);
        return ret;
    }
    for (unsigned n = 0; n < AHCI_PORTS; n++) {
        a->port[n].ahci = a;
        a->port[n].n = n;
        mutex_init(&a->port[n].io, &ahci_io_class);
    }
    memory_region_init_io(&a->bar, &bar_ops, a, "ahci", BAR_SIZE);
    pci_device_add_bar(&a->pci, BAR, PCI_BAR_MEMORY, &a->bar, BAR_SIZE);
    pci_device_set_pin(&a->pci, 0);
    a->pci.writable[REG_MAP + 2] = PORTS_MASK;
    *out = a; /* which the bus frees from here on */
    ret = pci_msi_init(&a->pci, err);
    if (ret == 0) {
        ahci_reset(&a->pci);
    }
    return ret;
}
