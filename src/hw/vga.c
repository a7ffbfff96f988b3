/* The VGA as a device: its regions and its place on the bus. */
#include "hw/vga.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/vga_internal.h"

#define WINDOW           0xa0000
#define WINDOW_SIZE      0x20000
#define PORTS            0x3b0
#define PORTS_SIZE       0x30
#define VBE_PORT         0x1ce
#define MMIO_SIZE        4096
#define MMIO_VGA         0x400 /* ports from 0x3c0 on */
#define MMIO_VBE         0x500
#define MMIO_EXTRA       0x600 /* size of this block, byte order */
#define LITTLE_ENDIAN_ID 0x1e1e1e1eu

static enum memory_result window_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)size;
    bql_assert_locked();
    *value = vga_window_read(opaque, (uint32_t)offset);
    return MEMORY_OK;
}

static enum memory_result window_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    bql_assert_locked();
    vga_window_write(opaque, (uint32_t)offset, (uint8_t)value);
    return MEMORY_OK;
}

static enum memory_result ports_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)size;
    bql_assert_locked();
    *value = vga_port_read(opaque, PORTS + (unsigned)offset);
    return MEMORY_OK;
}

static enum memory_result ports_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    bql_assert_locked();
    vga_port_write(opaque, PORTS + (unsigned)offset, (uint8_t)value);
    return MEMORY_OK;
}

/* Port 0x1ce is the index, 0x1cf the data: words, though the ports are neighbours. */
static enum memory_result vbe_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct vga *v = opaque;
    (void)size;

    bql_assert_locked();
    *value = offset == 0 ? v->vbe_index : vga_vbe_read(v, v->vbe_index);
    return MEMORY_OK;
}

static enum memory_result vbe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct vga *v = opaque;
    (void)size;

    bql_assert_locked();
    if (offset == 0) {
        v->vbe_index = (uint16_t)value;
    } else {
        vga_vbe_write(v, v->vbe_index, (uint16_t)value);
    }
    return MEMORY_OK;
}

static enum memory_result mmio_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct vga *v = opaque;

    bql_assert_locked();
    *value = 0;
    if (offset >= MMIO_VGA && offset < MMIO_VGA + 0x20) {
        for (unsigned i = 0; i < size; i++) {
            *value |= (uint64_t)vga_port_read(v, 0x3c0 + (unsigned)(offset - MMIO_VGA) + i)
                      << 8 * i;
        }
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * VBE_REGS) {
        *value = vga_vbe_read(v, (unsigned)(offset - MMIO_VBE) / 2);
    } else if (offset >= MMIO_EXTRA && offset < MMIO_EXTRA + 8) {
        *value = (offset < MMIO_EXTRA + 4 ? 8 : LITTLE_ENDIAN_ID) >> (offset & 3) * 8;
    }
    return MEMORY_OK;
}

static enum memory_result mmio_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct vga *v = opaque;

    bql_assert_locked();
    if (offset >= MMIO_VGA && offset < MMIO_VGA + 0x20) {
        for (unsigned i = 0; i < size; i++) {
            vga_port_write(v, 0x3c0 + (unsigned)(offset - MMIO_VGA) + i, (uint8_t)(value >> 8 * i));
        }
    } else if (offset >= MMIO_VBE && offset < MMIO_VBE + 2 * VBE_REGS && size == 2) {
        vga_vbe_write(v, (unsigned)(offset - MMIO_VBE) / 2, (uint16_t)value);
    }
    return MEMORY_OK;
}

static const struct memory_ops window_ops = {
    .read = window_read, .write = window_write, .min_size = 1, .max_size = 1};
static const struct memory_ops ports_ops = {
    .read = ports_read, .write = ports_write, .min_size = 1, .max_size = 1};
static const struct memory_ops vbe_ops = {
    .read = vbe_read, .write = vbe_write, .min_size = 1, .max_size = 2, .unaligned = true};
static const struct memory_ops mmio_ops = {
    .read = mmio_read, .write = mmio_write, .min_size = 1, .max_size = 2};

static struct vga *vga_of(struct pci_device *d)
{
    return (struct vga *)(void *)d;
}

static void reset(struct pci_device *d)
{
    struct vga *v = vga_of(d);

    bql_assert_locked();
    vga_regs_reset(v);
    for (unsigned n = 0; n < VBE_REGS; n++) {
        v->vbe[n] = 0;
    }
    v->vbe[VBE_ID] = 0xb0c5;
    v->vbe[VBE_BPP] = 8;
    v->vbe[VBE_MEMORY] = (uint16_t)(v->size / 65536);
    v->vbe_index = 0;
}

static void free_vga(struct pci_device *d)
{
    struct vga *v = vga_of(d);

    bql_assert_locked();
    if (d->bus->machine->vga == v) {
        d->bus->machine->vga = NULL;
    }
    memory_region_destroy(&v->window);
    memory_region_destroy(&v->ports);
    memory_region_destroy(&v->vbe_ports);
    memory_region_destroy(&v->mmio);
    memory_region_destroy(&v->frame);
    free(v);
}

static const struct pci_device_ops ops = {.reset = reset, .free = free_vga};

static void add_regions(struct vga *v, struct pci_bus *bus) REQUIRES(bql)
{
    memory_region_init_io(&v->window, &window_ops, v, "vga-window", WINDOW_SIZE);
    memory_region_add(&bus->memory, WINDOW, &v->window, 0);
    memory_region_init_io(&v->ports, &ports_ops, v, "vga", PORTS_SIZE);
    memory_region_add(&bus->machine->io, PORTS, &v->ports, 0);
    memory_region_init_io(&v->vbe_ports, &vbe_ops, v, "vbe", 3);
    memory_region_add(&bus->machine->io, VBE_PORT, &v->vbe_ports, 0);
    memory_region_init_io(&v->mmio, &mmio_ops, v, "vga-mmio", MMIO_SIZE);
    pci_device_add_bar(&v->pci, 0, PCI_BAR_PREFETCH, &v->frame, v->size);
    pci_device_add_bar(&v->pci, 2, PCI_BAR_MEMORY, &v->mmio, MMIO_SIZE);
}

int vga_new(struct pci_bus *bus, int devfn, uint32_t memory, struct vga **out, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x1234,
                                       .device = 0x1111,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x030000,
                                       .revision = 2};
    struct vga *v;
    int ret;

    if (memory < 1u << 20 || memory > 256u << 20 || (memory & (memory - 1))) {
        return error_set(err, EINVAL, "vga: %u bytes of memory are not possible", memory);
    }
    v = calloc(1, sizeof(*v));
    if (!v) {
        return error_set(err, ENOMEM, "vga: out of memory");
    }
    ret = memory_region_init_ram(&v->frame, "vga-memory", memory, err);
    if (ret < 0) {
        free(v);
        return ret;
    }
    v->size = memory;
    v->memory = memory_region_host(&v->frame);
    ret = pci_device_init(&v->pci, bus, devfn, "vga", &ids, &ops, err);
    if (ret < 0) {
        memory_region_destroy(&v->frame);
        free(v);
        return ret;
    }
    add_regions(v, bus);
    reset(&v->pci);
    if (!bus->machine->vga) {
        bus->machine->vga = v;
    }
    *out = v;
    return 0;
}
