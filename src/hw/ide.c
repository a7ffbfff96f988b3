/* Registers of the two channels (ATA/ATAPI-6), and the controller as a PCI device.
 * Media are read and written when the guest asks, with the BQL held; a virtio block
 * device is the fast one. */
#include "hw/ide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/ide_internal.h"

enum reg { REG_DATA, REG_ERROR, REG_COUNT, REG_LOW, REG_MID, REG_HIGH, REG_SELECT, REG_COMMAND };

#define SELECT_SLAVE   0x10u
#define CONTROL_NO_IRQ 0x02u
#define CONTROL_RESET  0x04u
#define CONTROL_BEFORE 0x80u
#define BM_INTERRUPT   0x04u

static const uint16_t command_ports[2] = {0x1f0, 0x170};
static const uint16_t control_ports[2] = {0x3f6, 0x376};
static const unsigned irqs[2] = {14, 15};

static void drive_irq(struct ide_channel *c) REQUIRES(bql)
{
    irq_set(&c->ide->pci.bus->machine->isa_irq[irqs[c->n]],
            c->irq_pending && !(c->control & CONTROL_NO_IRQ));
}

static void raise_irq(struct ide_unit *u) REQUIRES(bql)
{
    struct ide_channel *c = u->owner;

    bql_assert_locked();
    c->irq_pending = true;
    c->bm_status |= BM_INTERRUPT;
    drive_irq(c);
}

static void dma_ready(struct ide_unit *u) REQUIRES(bql)
{
    bql_assert_locked();
    ide_dma_try(u->owner);
}

static const struct ide_link link = {.interrupt = raise_irq, .dma_ready = dma_ready};

static void lower_irq(struct ide_channel *c) REQUIRES(bql)
{
    c->irq_pending = false;
    drive_irq(c);
}

static void reset_channel(struct ide_channel *c) REQUIRES(bql)
{
    for (unsigned n = 0; n < 2; n++) {
        ide_reset_unit(&c->unit[n]);
    }
    c->selected = 0;
    c->bm_command = c->bm_status = 0;
    lower_irq(c);
}

/* The unit whose registers are seen; NULL: nobody answers. A missing slave is
 * answered for by the master, with zeros. */
static struct ide_unit *selected(struct ide_channel *c) REQUIRES(bql)
{
    struct ide_unit *u = &c->unit[c->selected];

    return u->present ? u : NULL;
}

/* What follows when the block in the buffer has gone over the data register. */
static void block_done(struct ide_unit *u) REQUIRES(bql)
{
    switch (u->phase) {
    case IDE_PACKET:
        ide_atapi_packet(u);
        break;
    case IDE_PACKET_IN:
        ide_atapi_block_done(u);
        break;
    default:
        ide_ata_block_done(u);
        break;
    }
}

static uint64_t data_read(struct ide_unit *u, unsigned size) REQUIRES(bql)
{
    uint64_t value = 0;

    if (u->phase != IDE_PIO_READ && u->phase != IDE_PACKET_IN) {
        return 0;
    }
    for (unsigned i = 0; i < size && u->pos < u->len; i++) {
        value |= (uint64_t)u->buf[u->pos++] << 8 * i;
    }
    if (u->pos >= u->len) {
        block_done(u);
    }
    return value;
}

static void data_write(struct ide_unit *u, unsigned size, uint64_t value) REQUIRES(bql)
{
    if (u->phase != IDE_PIO_WRITE && u->phase != IDE_PACKET) {
        return;
    }
    for (unsigned i = 0; i < size && u->pos < u->len; i++) {
        u->buf[u->pos++] = (uint8_t)(value >> 8 * i);
    }
    if (u->pos >= u->len) {
        block_done(u);
    }
}

static uint8_t register_read(struct ide_channel *c, enum reg reg) REQUIRES(bql)
{
    const struct ide_unit *u = selected(c);
    bool before = c->control & CONTROL_BEFORE;

    if (!u) {
        return c->unit[0].present || c->unit[1].present ? 0 : 0x7f;
    }
    switch (reg) {
    case REG_ERROR:
        return before ? u->feature.before : u->error;
    case REG_COUNT:
        return before ? u->count.before : u->count.now;
    case REG_LOW:
        return before ? u->low.before : u->low.now;
    case REG_MID:
        return before ? u->mid.before : u->mid.now;
    case REG_HIGH:
        return before ? u->high.before : u->high.now;
    case REG_SELECT:
        return u->select | 0xa0;
    default:
        return u->status;
    }
}

static void put_reg(struct ide_reg *r, uint8_t v)
{
    r->before = r->now;
    r->now = v;
}

static void command(struct ide_channel *c, uint8_t v) REQUIRES(bql)
{
    struct ide_unit *u = selected(c);

    lower_irq(c);
    if (u && !(u->status & IDE_BUSY)) {
        u->error = 0;
        ide_ata_command(u, v);
        ide_dma_try(c);
    }
}

static void register_write(struct ide_channel *c, enum reg reg, uint8_t v) REQUIRES(bql)
{
    c->control &= (uint8_t)~CONTROL_BEFORE;
    if (reg == REG_COMMAND) {
        command(c, v);
        return;
    }
    if (reg == REG_SELECT) {
        c->selected = v & SELECT_SLAVE ? 1 : 0;
    }
    for (unsigned n = 0; n < 2; n++) { /* both units hear all of this */
        struct ide_unit *u = &c->unit[n];

        switch (reg) {
        case REG_ERROR:
            put_reg(&u->feature, v);
            break;
        case REG_COUNT:
            put_reg(&u->count, v);
            break;
        case REG_LOW:
            put_reg(&u->low, v);
            break;
        case REG_MID:
            put_reg(&u->mid, v);
            break;
        case REG_HIGH:
            put_reg(&u->high, v);
            break;
        default:
            u->select = v;
            break;
        }
    }
}

static enum memory_result ports_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct ide_channel *c = opaque;

    bql_assert_locked();
    struct ide_unit *u = selected(c);
    if (offset == REG_DATA) {
        *value = u ? data_read(u, size) : UINT64_MAX;
        return MEMORY_OK;
    }
    *value = register_read(c, (enum reg)(offset & 7));
    if (offset == REG_COMMAND) {
        lower_irq(c);
    }
    return MEMORY_OK;
}

static enum memory_result ports_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct ide_channel *c = opaque;

    bql_assert_locked();
    struct ide_unit *u = selected(c);
    if (offset == REG_DATA) {
        if (u) {
            data_write(u, size, value);
        }
        return MEMORY_OK;
    }
    register_write(c, (enum reg)(offset & 7), (uint8_t)value);
    return MEMORY_OK;
}

static enum memory_result control_read(void *opaque, uint64_t offset, unsigned size,
                                       uint64_t *value)
{
    struct ide_channel *c = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    *value = register_read(c, REG_COMMAND); /* without acknowledging */
    return MEMORY_OK;
}

static enum memory_result control_write(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t value)
{
    struct ide_channel *c = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    uint8_t before = c->control;
    c->control = (uint8_t)value;
    if ((value & CONTROL_RESET) && !(before & CONTROL_RESET)) {
        reset_channel(c);
    }
    drive_irq(c);
    return MEMORY_OK;
}

static const struct memory_ops ports_ops = {
    .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 4, .unaligned = true};
static const struct memory_ops control_ops = {
    .read = control_read, .write = control_write, .min_size = 1, .max_size = 1};

static struct ide *ide_of(struct pci_device *d)
{
    return (struct ide *)(void *)d;
}

static void ide_reset(struct pci_device *d)
{
    struct ide *ide = ide_of(d);

    bql_assert_locked();
    for (unsigned n = 0; n < 2; n++) {
        ide->channel[n].control = 0;
        reset_channel(&ide->channel[n]);
        ide_load_tray(&ide->channel[n].unit[0]);
        ide_load_tray(&ide->channel[n].unit[1]);
        ide->channel[n].bm_table = 0;
    }
    pci_put(&d->config[0x40], 0x80008000, 4); /* both channels decode their ports */
}

static void ide_free(struct pci_device *d)
{
    struct ide *ide = ide_of(d);

    bql_assert_locked();
    for (unsigned n = 0; n < 2; n++) {
        struct ide_channel *c = &ide->channel[n];

        memory_region_destroy(&c->ports);
        memory_region_destroy(&c->control_port);
        disk_close(c->unit[0].disk);
        disk_close(c->unit[1].disk);
    }
    memory_region_destroy(&ide->bm);
    free(ide);
}

static const struct pci_device_ops ops = {.reset = ide_reset, .free = ide_free};

int ide_new(struct pci_bus *bus, int devfn, const struct ide_drive drives[IDE_DRIVES],
            struct ide **out, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x7010,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x010180};
    struct ide *ide = calloc(1, sizeof(*ide));
    int ret;

    if (!ide) {
        return error_set(err, ENOMEM, "ide: out of memory");
    }
    ret = pci_device_init(&ide->pci, bus, devfn, "piix3-ide", &ids, &ops, err);
    if (ret < 0) {
        free(ide);
        return ret;
    }
    pci_put(&ide->pci.writable[0x40], UINT32_MAX, 4); /* timing: kept */
    for (unsigned n = 0; n < 2; n++) {
        struct ide_channel *c = &ide->channel[n];

        c->ide = ide;
        c->n = n;
        for (unsigned i = 0; i < 2; i++) {
            ide_unit_init(&c->unit[i], &link, c, &drives[2 * n + i], 2 * n + i);
        }
        memory_region_init_io(&c->ports, &ports_ops, c, "ide", 8);
        memory_region_add(&bus->machine->io, command_ports[n], &c->ports, 0);
        memory_region_init_io(&c->control_port, &control_ops, c, "ide-control", 1);
        memory_region_add(&bus->machine->io, control_ports[n], &c->control_port, 0);
    }
    ide_dma_init(ide);
    ide_reset(&ide->pci);
    *out = ide;
    return 0;
}

bool ide_place_is_free(const struct ide *ide, unsigned place)
{
    return place < IDE_DRIVES && !ide->channel[place / 2].unit[place % 2].present;
}

int ide_attach(struct ide *ide, unsigned place, const struct ide_drive *drive, struct error *err)
{
    struct ide_channel *c;

    if (!ide_place_is_free(ide, place)) {
        return error_set(err, EBUSY, "ide: there is no free place %u", place);
    }
    c = &ide->channel[place / 2];
    ide_unit_init(&c->unit[place % 2], &link, c, drive, place);
    ide_reset(&ide->pci);
    return 0;
}

int ide_change_disc(struct ide *ide, unsigned drive, struct disk *disk, struct error *err)
{
    struct ide_unit *u = drive < IDE_DRIVES ? &ide->channel[drive / 2].unit[drive % 2] : NULL;

    if (!u || !u->cd) {
        return error_set(err, ENODEV, "ide: drive %u takes no discs", drive);
    }
    if (u->phase != IDE_IDLE) {
        return error_set(err, EBUSY, "ide: drive %u is at work", drive);
    }
    disk_close(u->disk);
    u->disk = disk;
    u->disc_changed = true;
    u->tray_open = false;
    return 0;
}
