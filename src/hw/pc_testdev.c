/* pc-testdev. The register of 32 bits is what tests of instructions read and write by
 * ports of all sizes; unlike the rest of the machine it gives back what was written. */
#include "hw/pc_testdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGISTER_PORT 0xe0
#define REMAP_PORT    0xe4
#define BYTES_PORT    0xe8
#define IRQ_PORT      0x2000
#define IRQS          16
#define IRQ_PORTS     24 /* of which those past the ISA's lines lead nowhere */
#define MEMORY_AT     0xff000000
#define MEMORY_SIZE   0x10000

struct pc_testdev {
    struct memory_region ports, remap, byte_ports, irq_ports, memory;
    struct machine *machine IMMUTABLE_AFTER_INIT;
    uint8_t reg[4] GUARDED_BY(bql);
    uint8_t bytes[MEMORY_SIZE] GUARDED_BY(bql);
};

/* Little-endian like the host. offset + size is within what is copied. */
static enum memory_result read_bytes(const uint8_t *from, unsigned size, uint64_t *value)
{
    *value = 0;
    memcpy(value, from, size);
    return MEMORY_OK;
}

static enum memory_result register_read(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t *value)
{
    const struct pc_testdev *d = opaque;

    bql_assert_locked();
    return read_bytes(d->reg + offset, size, value);
}

static enum memory_result register_write(void *opaque, uint64_t offset, unsigned size,
                                         uint64_t value)
{
    struct pc_testdev *d = opaque;

    bql_assert_locked();
    memcpy(d->reg + offset, &value, size);
    return MEMORY_OK;
}

static enum memory_result memory_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct pc_testdev *d = opaque;

    bql_assert_locked();
    return read_bytes(d->bytes + offset, size, value);
}

static enum memory_result memory_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pc_testdev *d = opaque;

    bql_assert_locked();
    memcpy(d->bytes + offset, &value, size);
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

/* For a page whose host mapping went away under a hypervisor. There is none here that a
 * guest's page tables could see: translations look again by themselves. */
static enum memory_result remap_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

static enum memory_result irq_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pc_testdev *d = opaque;
    (void)size;

    if (offset < IRQS) {
        irq_set(&d->machine->isa_irq[offset], value != 0);
    }
    return MEMORY_OK;
}

static const struct memory_ops register_ops = {
    .read = register_read, .write = register_write, .min_size = 1, .max_size = 4};
static const struct memory_ops byte_ops = {
    .read = register_read, .write = register_write, .min_size = 1, .max_size = 1};
static const struct memory_ops remap_ops = {
    .read = read_nothing, .write = remap_write, .min_size = 1, .max_size = 4};
static const struct memory_ops irq_ops = {
    .read = read_nothing, .write = irq_write, .min_size = 1, .max_size = 1};
static const struct memory_ops memory_ops = {
    .read = memory_read, .write = memory_write, .min_size = 1, .max_size = 8};

int pc_testdev_new(struct machine *m, struct error *err)
{
    struct pc_testdev *d = calloc(1, sizeof(*d));

    if (!d) {
        return error_set(err, ENOMEM, "pc-testdev: out of memory");
    }
    const struct {
        struct memory_region *region, *parent;
        const struct memory_ops *ops;
        const char *name;
        uint64_t at, size;
    } parts[] = {
        {&d->ports, &m->io, &register_ops, "pc-testdev", REGISTER_PORT, 4},
        {&d->remap, &m->io, &remap_ops, "pc-testdev-remap", REMAP_PORT, 4},
        {&d->byte_ports, &m->io, &byte_ops, "pc-testdev-bytes", BYTES_PORT, 4},
        {&d->irq_ports, &m->io, &irq_ops, "pc-testdev-irq", IRQ_PORT, IRQ_PORTS},
        {&d->memory, &m->memory, &memory_ops, "pc-testdev-memory", MEMORY_AT, MEMORY_SIZE},
    };

    d->machine = m;
    for (size_t n = 0; n < sizeof(parts) / sizeof(parts[0]); n++) {
        memory_region_init_io(parts[n].region, parts[n].ops, d, parts[n].name, parts[n].size);
        memory_region_add(parts[n].parent, parts[n].at, parts[n].region, 0);
    }
    return 0;
}
