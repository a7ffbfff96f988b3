/* PIIX3 (Intel 82371SB data sheet) functions 0 and, from the PIIX4 (82371AB), 3.
 *
 * Four PIRQ lines are routed to ISA interrupts by a register each. Lines change on any
 * thread, routes with the BQL, so both are under a mutex; the interrupts are driven
 * under it too, that two threads do not drive one in the wrong order. */
#include "hw/piix3.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/acpi_pm.h"

LOCK_CLASS_DEFINE(piix3_class, RANK_LEAF);

#define PIRQS         4
#define REG_PIRQ      0x60
#define PIRQ_DISABLED 0x80u
#define SLOT          1
#define PM_FUNCTION   3
#define SCI           9

#define PM_BASE     0x40
#define PM_DEVACT_B 0x58 /* bit 25: writes to the APM port raise SMI */
#define PM_MISC     0x80 /* bit 0: registers at PM_BASE are there */
#define GPE_PORT    0xafe0
#define GPE_BYTES   4
#define SLEEP_OFF   0

struct piix3 {
    struct pci_device isa, pm;
    struct acpi_pm *acpi IMMUTABLE_AFTER_INIT;
    struct mutex lock;
    uint8_t route[PIRQS] GUARDED_BY(&lock);
    bool level[PIRQS] GUARDED_BY(&lock);
    bool driven[16] GUARDED_BY(&lock);
};

/* Drives every interrupt whose level has changed. */
static void drive(struct piix3 *p) REQUIRES(&p -> lock)
{
    for (unsigned irq = 3; irq < 16; irq++) {
        bool level = false;

        for (unsigned n = 0; n < PIRQS; n++) {
            level = level || (p->route[n] == irq && p->level[n]);
        }
        if (level != p->driven[irq]) {
            p->driven[irq] = level;
            irq_set(&p->isa.bus->machine->isa_irq[irq], level);
        }
    }
}

static void set_pirq(void *opaque, unsigned n, bool level)
{
    struct piix3 *p = opaque;

    mutex_lock(&p->lock);
    p->level[n % PIRQS] = level;
    drive(p);
    mutex_unlock(&p->lock);
}

static unsigned map_pin(uint8_t devfn, unsigned pin)
{
    return (unsigned)(PCI_SLOT(devfn) + (int)pin + 3) % PIRQS;
}

static void update_routes(struct piix3 *p) REQUIRES(bql)
{
    mutex_lock(&p->lock);
    for (unsigned n = 0; n < PIRQS; n++) {
        p->route[n] = p->isa.config[REG_PIRQ + n];
    }
    drive(p);
    mutex_unlock(&p->lock);
}

static struct piix3 *of_isa(struct pci_device *d)
{
    return (struct piix3 *)(void *)((char *)d - offsetof(struct piix3, isa));
}

static struct piix3 *of_pm(struct pci_device *d)
{
    return (struct piix3 *)(void *)((char *)d - offsetof(struct piix3, pm));
}

static void isa_written(struct pci_device *d, unsigned offset, unsigned size)
{
    bql_assert_locked();
    if (offset < REG_PIRQ + PIRQS && offset + size > REG_PIRQ) {
        update_routes(of_isa(d));
    }
}

static void isa_reset(struct pci_device *d)
{
    bql_assert_locked();
    pci_put(&d->config[PCI_COMMAND], 7, 2);
    pci_put(&d->config[REG_PIRQ], 0x80808080, PIRQS);
    update_routes(of_isa(d));
}

/* Function 0 goes last, and the struct with it. */
static void isa_free(struct pci_device *d)
{
    struct piix3 *p = of_isa(d);

    bql_assert_locked();
    if (p->acpi) {
        acpi_pm_free(p->acpi);
    }
    free(p);
}

static void pm_update(struct piix3 *p) REQUIRES(bql)
{
    const uint8_t *config = p->pm.config;

    acpi_pm_map(p->acpi, config[PM_MISC] & 1, (uint16_t)(pci_get(config + PM_BASE, 2) & 0xffc0));
    acpi_pm_set_smi(p->acpi, config[PM_DEVACT_B + 3] & 2);
}

static void pm_written(struct pci_device *d, unsigned offset, unsigned size)
{
    bql_assert_locked();
    if (offset >= PM_BASE && offset + size <= PM_MISC + 4) {
        pm_update(of_pm(d));
    }
}

static void pm_reset(struct pci_device *d)
{
    struct piix3 *p = of_pm(d);

    bql_assert_locked();
    pci_put(&d->config[PM_BASE], 1, 4);
    pci_put(&d->config[PM_DEVACT_B], 0, 4);
    d->config[PM_MISC] = 0;
    d->config[PCI_INTERRUPT_LINE] = SCI;
    acpi_pm_reset(p->acpi);
    pm_update(p);
}

static const struct pci_device_ops isa_ops = {
    .config_written = isa_written, .reset = isa_reset, .free = isa_free};
static const struct pci_device_ops pm_ops = {.config_written = pm_written, .reset = pm_reset};

static int pm_init(struct piix3 *p, struct pci_bus *bus, struct irq smi, struct error *err)
    REQUIRES(bql)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x7113,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x068000,
                                       .revision = 3};
    struct acpi_pm_config config = {.sci = bus->machine->isa_irq[SCI],
                                    .smi = smi,
                                    .sleep_off = SLEEP_OFF,
                                    .gpe_bytes = GPE_BYTES};
    int ret = acpi_pm_new(bus->machine, &config, &p->acpi, err);

    if (ret == 0) {
        ret = pci_device_init(&p->pm, bus, PCI_DEVFN(SLOT, PM_FUNCTION), "piix4-pm", &ids, &pm_ops,
                              err);
    }
    if (ret < 0) {
        return ret;
    }
    pci_put(&p->pm.writable[PM_BASE], 0xffc0, 4);
    pci_put(&p->pm.writable[PM_DEVACT_B], UINT32_MAX, 4);
    p->pm.writable[PM_MISC] = 1;
    p->pm.writable[0xd2] = 0xff; /* SMBus: there is nothing on it */
    pci_put(&p->pm.writable[0x90], 0xfff0, 4);
    p->pm.config[PCI_INTERRUPT_PIN] = 1; /* by way of the SCI */
    acpi_pm_map_gpe(p->acpi, true, GPE_PORT);
    pm_reset(&p->pm);
    return 0;
}

int piix3_new(struct machine *m, struct irq smi, struct piix3 **out, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x7000,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x060100};
    struct pci_bus *bus = m->pci;
    struct piix3 *p = calloc(1, sizeof(*p));
    int ret;

    if (!p) {
        return error_set(err, ENOMEM, "piix3: out of memory");
    }
    mutex_init(&p->lock, &piix3_class);
    ret = pci_device_init(&p->isa, bus, PCI_DEVFN(SLOT, 0), "piix3", &ids, &isa_ops, err);
    if (ret < 0) {
        free(p);
        return ret;
    }
    p->isa.config[PCI_HEADER_TYPE] = 0x80;
    pci_put(&p->isa.writable[REG_PIRQ], 0x8f8f8f8f, PIRQS);
    pci_put(&p->isa.writable[0x4c], 0xffffffff, 4); /* timing, address decoding: kept */
    isa_reset(&p->isa);
    bus->map_pin = map_pin;
    bus->set_pirq = set_pirq;
    bus->pirq_opaque = p;
    bus->router = &p->isa;
    *out = p;
    return pm_init(p, bus, smi, err);
}

struct acpi_pm *piix3_acpi(struct piix3 *p)
{
    return p->acpi;
}

void piix3_set_up(struct piix3 *p, uint16_t pm_base)
{
    pci_config_write(p->isa.bus, p->isa.devfn, REG_PIRQ, 4, 0x0b0b0a0a);
    pci_config_write(p->pm.bus, p->pm.devfn, PM_BASE, 4, pm_base);
    pci_config_write(p->pm.bus, p->pm.devfn, PM_MISC, 1, 1);
}
