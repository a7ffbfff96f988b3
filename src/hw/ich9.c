/* LPC bridge (Intel I/O Controller Hub 9 data sheet, chapter 13): function 0 of device
 * 31 and, from chapter 10, the chipset configuration registers that it places.
 *
 * Eight PIRQ lines each lead to an input of the I/O APIC, and to an ISA interrupt where
 * a register says so. Lines change on any thread, routes with the BQL, so both are under
 * a mutex; the interrupts are driven under it too, that two threads do not drive one in
 * the wrong order. */
#include "hw/ich9.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/acpi_pm.h"

LOCK_CLASS_DEFINE(ich9_class, RANK_LEAF);

#define DEVFN     PCI_DEVFN(31, 0)
#define SCI       9
#define SLEEP_OFF 0
#define ISA_IRQS  16
#define FIRST_ISA 3  /* those below are the timer's, the keyboard's and the cascade's */
#define FIRST_OWN 25 /* the chipset's devices have their pins on PIRQ A to D */
#define PIRQ_E    4

#define REG_PM_BASE   0x40
#define REG_ACPI      0x44
#define REG_PIRQ_A    0x60
#define REG_PIRQ_E    0x68
#define REG_PM_CONFIG 0xa0
#define REG_RCBA      0xf0
#define PM_BASE_MASK  0xff80u
#define ACPI_ENABLED  0x80u
#define SMI_LOCK      0x10u
#define RCBA_ENABLED  1u
#define RCBA_SIZE     0x4000u

/* Ports at the base of power management, besides those of acpi_pm.c. */
#define SMI_OFFSET 0x30
enum smi_reg { SMI_ENABLE = 0, SMI_STATUS = 4 };
#define SMI_GLOBAL    0x01u
#define SMI_APM       0x20u
#define SMI_KEPT      0x3fffffffu
#define SMI_REG_BYTES 8

struct ich9 {
    struct pci_device lpc;
    struct acpi_pm *acpi IMMUTABLE_AFTER_INIT;
    struct ich9_lines lines IMMUTABLE_AFTER_INIT;
    struct memory_region smi, rcba;
    bool smi_mapped GUARDED_BY(bql), rcba_mapped GUARDED_BY(bql);
    uint32_t smi_enable GUARDED_BY(bql), smi_status GUARDED_BY(bql);
    struct mutex lock;
    uint8_t route[PCI_PIRQS] GUARDED_BY(&lock);
    bool level[PCI_PIRQS] GUARDED_BY(&lock);
    bool driven[ISA_IRQS] GUARDED_BY(&lock);
};

/* Drives every ISA interrupt whose level has changed. */
static void drive(struct ich9 *p) REQUIRES(&p -> lock)
{
    for (unsigned irq = FIRST_ISA; irq < ISA_IRQS; irq++) {
        bool level = false;

        for (unsigned n = 0; n < PCI_PIRQS; n++) {
            level = level || (p->route[n] == irq && p->level[n]);
        }
        if (level != p->driven[irq]) {
            p->driven[irq] = level;
            irq_set(&p->lpc.bus->machine->isa_irq[irq], level);
        }
    }
}

static void set_pirq(void *opaque, unsigned n, bool level)
{
    struct ich9 *p = opaque;

    n %= PCI_PIRQS;
    mutex_lock(&p->lock);
    p->level[n] = level;
    irq_set(&p->lines.pirq[n], level);
    drive(p);
    mutex_unlock(&p->lock);
}

static unsigned map_pin(uint8_t devfn, unsigned pin)
{
    unsigned slot = PCI_SLOT(devfn);

    return slot < FIRST_OWN ? PIRQ_E + (slot + pin) % 4 : pin % 4;
}

static void update_routes(struct ich9 *p) REQUIRES(bql)
{
    mutex_lock(&p->lock);
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        p->route[n] = p->lpc.config[n < PIRQ_E ? REG_PIRQ_A + n : REG_PIRQ_E + n - PIRQ_E];
    }
    drive(p);
    mutex_unlock(&p->lock);
}

static void update_smi(struct ich9 *p) REQUIRES(bql)
{
    acpi_pm_set_smi(p->acpi, (p->smi_enable & SMI_GLOBAL) && (p->smi_enable & SMI_APM));
}

static enum memory_result smi_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct ich9 *p = opaque;
    (void)size;

    bql_assert_locked();
    *value = offset == SMI_STATUS ? p->smi_status : p->smi_enable;
    return MEMORY_OK;
}

static enum memory_result smi_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct ich9 *p = opaque;
    uint32_t keeps;
    (void)size;

    bql_assert_locked();
    keeps = p->lpc.config[REG_PM_CONFIG] & SMI_LOCK ? SMI_GLOBAL : 0;
    if (offset == SMI_STATUS) {
        p->smi_status &= ~(uint32_t)value;
    } else {
        p->smi_enable = ((uint32_t)value & SMI_KEPT & ~keeps) | (p->smi_enable & keeps);
        update_smi(p);
    }
    return MEMORY_OK;
}

static void raise_smi(void *opaque, unsigned n, bool level)
{
    struct ich9 *p = opaque;
    (void)n;

    bql_assert_locked();
    if (level) {
        p->smi_status |= SMI_APM;
    }
    irq_set(&p->lines.smi, level);
}

/* Registers that are what they are at reset: pins of on-board devices go to PIRQ A to D
 * in turn, the HPET is on, and the watchdog, which is not there, does not reboot. */
static enum memory_result rcba_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    (void)size;
    switch (offset) {
    case 0x3140: /* device 31; 27, 26 and 25 below */
    case 0x3148:
    case 0x314c:
    case 0x3150:
        *value = 0x3210;
        break;
    case 0x3144: /* 29 and 28 */
        *value = 0x32103210;
        break;
    case 0x3404:
        *value = 0x80;
        break;
    case 0x3410:
        *value = 0x20;
        break;
    default:
        *value = 0;
        break;
    }
    return MEMORY_OK;
}

static enum memory_result rcba_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

static const struct memory_ops smi_ops = {
    .read = smi_read, .write = smi_write, .min_size = 4, .max_size = 4};
static const struct memory_ops rcba_ops = {
    .read = rcba_read, .write = rcba_write, .min_size = 4, .max_size = 4};

static struct ich9 *ich9_of(struct pci_device *d)
{
    return (struct ich9 *)(void *)((char *)d - offsetof(struct ich9, lpc));
}

static void place(struct memory_region *where, struct memory_region *what, uint64_t at,
                  bool *mapped, bool wanted) REQUIRES(bql)
{
    if (*mapped) {
        memory_region_remove(what);
    }
    *mapped = wanted;
    if (wanted) {
        memory_region_add(where, at, what, 1);
    }
}

static void update_power(struct ich9 *p) REQUIRES(bql)
{
    struct machine *m = p->lpc.bus->machine;
    uint16_t base = (uint16_t)(pci_get(&p->lpc.config[REG_PM_BASE], 2) & PM_BASE_MASK);
    bool enabled = p->lpc.config[REG_ACPI] & ACPI_ENABLED;

    memory_transaction_begin();
    acpi_pm_map(p->acpi, enabled, base);
    acpi_pm_map_gpe(p->acpi, enabled, (uint16_t)(base + ICH9_GPE_OFFSET));
    place(&m->io, &p->smi, base + SMI_OFFSET, &p->smi_mapped, enabled);
    memory_transaction_commit();
}

static void update_rcba(struct ich9 *p) REQUIRES(bql)
{
    uint32_t reg = pci_get(&p->lpc.config[REG_RCBA], 4);

    memory_transaction_begin();
    place(&p->lpc.bus->machine->memory, &p->rcba, reg & ~(RCBA_SIZE - 1), &p->rcba_mapped,
          reg & RCBA_ENABLED);
    memory_transaction_commit();
}

static bool covers(unsigned offset, unsigned size, unsigned reg, unsigned len)
{
    return offset < reg + len && reg < offset + size;
}

static void lpc_written(struct pci_device *d, unsigned offset, unsigned size)
{
    struct ich9 *p = ich9_of(d);

    bql_assert_locked();
    if (covers(offset, size, REG_PM_BASE, REG_ACPI + 1 - REG_PM_BASE)) {
        update_power(p);
    }
    if (covers(offset, size, REG_PIRQ_A, REG_PIRQ_E + 4 - REG_PIRQ_A)) {
        update_routes(p);
    }
    if (covers(offset, size, REG_PM_CONFIG, 1) && (d->config[REG_PM_CONFIG] & SMI_LOCK)) {
        d->writable[REG_PM_CONFIG] &= (uint8_t)~SMI_LOCK; /* until reset */
    }
    if (covers(offset, size, REG_RCBA, 4)) {
        update_rcba(p);
    }
}

static void lpc_reset(struct pci_device *d)
{
    struct ich9 *p = ich9_of(d);

    bql_assert_locked();
    pci_put(&d->config[PCI_COMMAND], 7, 2);
    pci_put(&d->config[REG_PM_BASE], 1, 4);
    d->config[REG_ACPI] = 0;
    pci_put(&d->config[REG_PIRQ_A], 0x80808080, 4);
    pci_put(&d->config[REG_PIRQ_E], 0x80808080, 4);
    pci_put(&d->config[REG_PM_CONFIG], 0, 2);
    d->writable[REG_PM_CONFIG] |= SMI_LOCK;
    pci_put(&d->config[REG_RCBA], 0, 4);
    p->smi_enable = p->smi_status = 0;
    acpi_pm_reset(p->acpi);
    update_power(p);
    update_routes(p);
    update_rcba(p);
    update_smi(p);
}

static void lpc_free(struct pci_device *d)
{
    struct ich9 *p = ich9_of(d);

    bql_assert_locked();
    memory_region_destroy(&p->smi);
    memory_region_destroy(&p->rcba);
    acpi_pm_free(p->acpi);
    free(p);
}

static const struct pci_device_ops ops = {
    .config_written = lpc_written, .reset = lpc_reset, .free = lpc_free};

static void make_config(struct pci_device *d) REQUIRES(bql)
{
    d->config[PCI_HEADER_TYPE] = 0x80;
    pci_put(&d->writable[REG_PM_BASE], PM_BASE_MASK, 4);
    d->writable[REG_ACPI] = ACPI_ENABLED; /* the SCI is IRQ 9 */
    pci_put(&d->writable[REG_PIRQ_A], 0x8f8f8f8f, 4);
    pci_put(&d->writable[REG_PIRQ_E], 0x8f8f8f8f, 4);
    pci_put(&d->writable[0x80], UINT64_MAX, 8); /* decoding of ports: kept */
    pci_put(&d->writable[0x88], UINT64_MAX, 8);
    pci_put(&d->writable[REG_PM_CONFIG], 0x0600, 2);
    pci_put(&d->writable[REG_RCBA], ~(RCBA_SIZE - 1) | RCBA_ENABLED, 4);
}

int ich9_new(struct machine *m, const struct ich9_lines *lines, struct ich9 **out,
             struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x2918,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x060100,
                                       .revision = 2};
    struct pci_bus *bus = m->pci;
    struct ich9 *p = calloc(1, sizeof(*p));
    struct acpi_pm_config config = {.sci = m->isa_irq[SCI],
                                    .smi = {.set = raise_smi, .opaque = p},
                                    .sleep_off = SLEEP_OFF,
                                    .gpe_bytes = ICH9_GPE_BYTES};
    int ret;

    if (!p) {
        return error_set(err, ENOMEM, "ich9: out of memory");
    }
    mutex_init(&p->lock, &ich9_class);
    p->lines = *lines;
    ret = acpi_pm_new(m, &config, &p->acpi, err);
    if (ret < 0) {
        free(p);
        return ret;
    }
    ret = pci_device_init(&p->lpc, bus, DEVFN, "ich9-lpc", &ids, &ops, err);
    if (ret < 0) {
        acpi_pm_free(p->acpi);
        free(p);
        return ret;
    }
    memory_region_init_io(&p->smi, &smi_ops, p, "smi-control", SMI_REG_BYTES);
    memory_region_init_io(&p->rcba, &rcba_ops, p, "chipset-config", RCBA_SIZE);
    memory_region_set_lockless(&p->rcba);
    make_config(&p->lpc);
    lpc_reset(&p->lpc);
    bus->map_pin = map_pin;
    bus->set_pirq = set_pirq;
    bus->pirq_opaque = p;
    bus->router = &p->lpc;
    *out = p;
    return 0;
}

struct acpi_pm *ich9_acpi(struct ich9 *p)
{
    return p->acpi;
}

void ich9_set_up(struct ich9 *p, uint16_t pm_base)
{
    struct pci_bus *bus = p->lpc.bus;

    pci_config_write(bus, DEVFN, REG_PIRQ_A, 4, 0x0b0b0a0a);
    pci_config_write(bus, DEVFN, REG_PIRQ_E, 4, 0x0b0b0a0a);
    pci_config_write(bus, DEVFN, REG_PM_BASE, 4, pm_base);
    pci_config_write(bus, DEVFN, REG_ACPI, 1, ACPI_ENABLED);
}
