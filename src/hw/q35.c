/* Memory controller hub (Intel 3 Series Express Chipset Family data sheet, chapter 5):
 * the attribute map, SMRAM with its segment at the end of low memory, and
 * configuration space in memory (PCI Express Base Specification 2.0, 7.2.2). */
#include "hw/q35.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pam.h"
#include "hw/pci_host.h"

#define REG_FIRMWARE 0x50 /* keeps what is written: firmware looks for an extension there */
#define REG_ECAM     0x60
#define REG_PAM      0x90
#define REG_SMRAM    0x9d
#define REG_ESMRAM   0x9e

#define ECAM_ENABLED    1u
#define ECAM_SIZE_SHIFT 1
#define ECAM_RESET      UINT64_C(0xe0000000)
#define ECAM_BASE_MAX   UINT64_C(0xff0000000) /* bits 35 to 28 */
#define ECAM_SIZE_MAX   UINT64_C(0x10000000)

#define SMRAM_RESET     0x02u
#define SMRAM_ENABLED   0x08u
#define SMRAM_LOCKED    0x10u
#define SMRAM_OPEN      0x40u
#define ESMRAM_RESET    0x38u /* its caches are always on */
#define ESMRAM_WRITABLE 0x87u
#define TSEG_ENABLED    0x01u

struct q35 {
    struct pci_device device;
    struct pci_bus bus;
    struct pci_host host;
    struct pam pam;
    struct memory_region ecam;
    bool ecam_mapped GUARDED_BY(bql);
};

static struct q35 *q35_of(struct pci_device *d)
{
    return (struct q35 *)(void *)((char *)d - offsetof(struct q35, device));
}

/* A bus number, device and function each have 4 KiB. */
static enum memory_result ecam_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct q35 *q = opaque;

    bql_assert_locked();
    *value = pci_config_read(&q->bus, (uint16_t)(offset >> 12), offset & 0xfff, size);
    return MEMORY_OK;
}

static enum memory_result ecam_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct q35 *q = opaque;

    bql_assert_locked();
    pci_config_write(&q->bus, (uint16_t)(offset >> 12), offset & 0xfff, size, (uint32_t)value);
    return MEMORY_OK;
}

static const struct memory_ops ecam_ops = {
    .read = ecam_read, .write = ecam_write, .min_size = 1, .max_size = 4};

bool q35_ecam(const struct q35 *q, uint64_t *at, uint64_t *size)
{
    const uint8_t *reg = &q->device.config[REG_ECAM];
    uint64_t value = pci_get(reg, 4) | (uint64_t)pci_get(reg + 4, 4) << 32;
    unsigned code = value >> ECAM_SIZE_SHIFT & 3;

    if (!(value & ECAM_ENABLED) || code == 3) {
        return false;
    }
    *size = ECAM_SIZE_MAX >> code;
    *at = value & (ECAM_BASE_MAX | (ECAM_SIZE_MAX - 1)) & ~(*size - 1);
    return true;
}

static void update_ecam(struct q35 *q) REQUIRES(bql)
{
    uint64_t at = 0, size = 0;
    bool wanted = q35_ecam(q, &at, &size);

    memory_transaction_begin();
    if (q->ecam_mapped) {
        memory_region_remove(&q->ecam);
    }
    q->ecam_mapped = wanted;
    if (wanted) {
        memory_region_set_size(&q->ecam, size);
        memory_region_add(&q->bus.machine->memory, at, &q->ecam, 1);
    }
    memory_transaction_commit();
}

/* The segment ends where low memory does. It is there while SMRAM is at all. */
static void update_tseg(struct q35 *q) REQUIRES(bql)
{
    static const uint64_t sizes[4] = {1 << 20, 2 << 20, 8 << 20, 0}; /* the last: reserved */
    const struct machine *m = q->bus.machine;
    uint8_t smram = q->device.config[REG_SMRAM], esmram = q->device.config[REG_ESMRAM];
    uint64_t size = sizes[esmram >> 1 & 3];

    if (!(smram & SMRAM_ENABLED) || !(esmram & TSEG_ENABLED) || size >= m->low_ram) {
        size = 0;
    }
    pam_set_tseg(&q->pam, m->low_ram - size, size);
}

/* Once locked, both registers stay as they are until reset, and SMRAM is not open. */
static void update_smram(struct q35 *q) REQUIRES(bql)
{
    struct pci_device *d = &q->device;

    if (d->config[REG_SMRAM] & SMRAM_LOCKED) {
        d->config[REG_SMRAM] = (uint8_t)(d->config[REG_SMRAM] & ~SMRAM_OPEN);
        d->writable[REG_SMRAM] = 0x20;
        d->writable[REG_ESMRAM] = 0;
    }
    memory_transaction_begin();
    pam_set_smram(&q->pam, d->config[REG_SMRAM]);
    update_tseg(q);
    memory_transaction_commit();
}

static bool covers(unsigned offset, unsigned size, unsigned reg, unsigned len)
{
    return offset < reg + len && reg < offset + size;
}

static void config_written(struct pci_device *d, unsigned offset, unsigned size)
{
    struct q35 *q = q35_of(d);

    bql_assert_locked();
    if (covers(offset, size, REG_ECAM, 8)) {
        update_ecam(q);
    }
    if (covers(offset, size, REG_PAM, PAM_REGS)) {
        pam_set(&q->pam, &d->config[REG_PAM]);
    }
    if (covers(offset, size, REG_SMRAM, 2)) {
        update_smram(q);
    }
}

static void reset(struct pci_device *d)
{
    struct q35 *q = q35_of(d);

    bql_assert_locked();
    pci_put(&d->config[REG_FIRMWARE], 0, 2);
    pci_put(&d->config[REG_ECAM], ECAM_RESET, 8);
    memset(&d->config[REG_PAM], 0, PAM_REGS);
    d->config[REG_SMRAM] = SMRAM_RESET;
    d->writable[REG_SMRAM] = 0x78;
    d->config[REG_ESMRAM] = ESMRAM_RESET;
    d->writable[REG_ESMRAM] = ESMRAM_WRITABLE;
    update_ecam(q);
    pam_set(&q->pam, &d->config[REG_PAM]);
    update_smram(q);
    pci_host_reset(&q->host);
}

static const struct pci_device_ops ops = {.config_written = config_written, .reset = reset};

void q35_reset(void *opaque)
{
    struct q35 *q = opaque;

    pci_bus_reset(&q->bus);
}

void q35_set_up(struct q35 *q)
{
    pci_config_write(&q->bus, 0, REG_ECAM + 4, 4, (uint32_t)(Q35_ECAM_AT >> 32));
    pci_config_write(&q->bus, 0, REG_ECAM, 4, (uint32_t)Q35_ECAM_AT | ECAM_ENABLED);
}

int q35_new(struct machine *m, struct lapic_set *lapics, struct q35 **out, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x29c0,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x060000};
    struct q35 *q = calloc(1, sizeof(*q));
    int ret;

    if (!q) {
        return error_set(err, ENOMEM, "q35: out of memory");
    }
    pci_bus_init(&q->bus, m, true);
    pci_host_init(&q->host, &q->bus, lapics);
    memory_region_init_io(&q->ecam, &ecam_ops, q, "ecam", ECAM_SIZE_MAX);
    m->pci = &q->bus;
    *out = q;
    ret = pam_init(&q->pam, &q->bus, err);
    if (ret == 0) {
        ret = pci_device_init(&q->device, &q->bus, 0, "q35-mch", &ids, &ops, err);
    }
    if (ret < 0) {
        q35_free(q);
        return ret;
    }
    pci_put(&q->device.writable[REG_FIRMWARE], 0xffff, 2);
    pci_put(&q->device.writable[REG_ECAM], ECAM_BASE_MAX | 0x0c000007, 4);
    pci_put(&q->device.writable[REG_ECAM + 4], ECAM_BASE_MAX >> 32, 4);
    memset(&q->device.writable[REG_PAM], 0x33, PAM_REGS);
    q->device.writable[REG_PAM] = 0x30;
    reset(&q->device);
    return 0;
}

void q35_free(struct q35 *q)
{
    struct machine *m = q->bus.machine;

    pci_host_cleanup(&q->host);
    pam_cleanup(&q->pam, m);
    pci_bus_cleanup(&q->bus);
    memory_region_destroy(&q->ecam);
    m->pci = NULL;
    free(q);
}
