#include "devices/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aio/clock.h"
#include "aio/main_loop.h"
#include "devices/disks.h"
#include "devices/lines.h"
#include "devices/standins.h"
#include "hw/debugcon.h"
#include "hw/drive.h"
#include "hw/i8042.h"
#include "hw/pc_internal.h"
#include "hw/pci.h"
#include "hw/vga.h"
#include "hw/virtio_console.h"
#include "hw/virtio_rng.h"

struct machine fuzz_machine;
static struct pc *pc GUARDED_BY(bql);
static struct vga *vga GUARDED_BY(bql);
static struct debugcon *debugcon GUARDED_BY(bql);
static struct virtio_console *console GUARDED_BY(bql);

void fuzz_fail(const char *what, const char *why)
{
    fprintf(stderr, "fuzz_devices: %s: %s\n", what, why);
    abort();
}

static int64_t now(void)
{
    return standin_now;
}

void fuzz_machine_start(void)
{
    struct error err = {""};

    if (main_loop_init(AIO_MONITOR_POLL, &err) < 0) {
        fuzz_fail("main loop", err.text);
    }
    aio_clock_set_virtual_source(now);
    aio_clock_set_virtual_running(true);
}

static void set(unsigned devfn, unsigned reg, unsigned size, uint32_t value) REQUIRES(bql)
{
    pci_config_write(fuzz_machine.pci, (uint16_t)devfn, reg, size, value);
}

/* Where firmware would put BARs: each at the next multiple of its size. */
static void map_bars(unsigned devfn, uint32_t *memory, uint32_t *ports) REQUIRES(bql)
{
    for (unsigned reg = PCI_BAR0; reg < PCI_BAR0 + 4 * PCI_BARS; reg += 4) {
        set(devfn, reg, 4, UINT32_MAX);
        uint32_t bits = pci_config_read(fuzz_machine.pci, (uint16_t)devfn, reg, 4);
        bool port = bits & PCI_BAR_IO;
        uint32_t *next = port ? ports : memory;
        uint32_t size = ~(bits & (port ? ~3u : ~15u)) + 1;

        size = port ? size & 0xffff : size;
        if (size == 0) {
            continue;
        }
        *next = (*next + size - 1) & ~(size - 1);
        set(devfn, reg, 4, *next);
        *next += size;
        if (bits & PCI_BAR_MEMORY64 && !port) {
            reg += 4;
            set(devfn, reg, 4, 0);
        }
    }
    set(devfn, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void fuzz_map_bars(void)
{
    uint32_t memory = 0xe0000000, ports = 0xc000;

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (fuzz_machine.pci->device[devfn]) {
            map_bars(devfn, &memory, &ports);
        }
    }
    pc_set_up_chipset(pc);
}

static void add_devices(void) REQUIRES(bql)
{
    struct error err = {""};
    struct pci_bus *bus = fuzz_machine.pci;

    if (drives_connect(&fuzz_machine, &err) < 0 || vga_new(bus, -1, 1 << 20, &vga, &err) < 0 ||
        virtio_rng_new(bus, -1, 0, 1, &err) < 0 ||
        debugcon_new(&fuzz_machine, 0xe9, 0xe9, fuzz_line_of(FUZZ_DEBUGCON), &debugcon, &err) < 0 ||
        virtio_console_new(bus, -1, fuzz_line_of(FUZZ_CONSOLE), &console, &err) < 0) {
        fuzz_fail("devices", err.text);
    }
}

void fuzz_machine_up(unsigned kind)
{
    struct pc_lines lines = {.serial = {NULL}};
    bool flash = kind & FUZZ_WITH_FLASH;
    struct error err = {""};

    standin_now = 1;
    fuzz_disks_fill();
    fuzz_lines_make();
    fuzz_disks_add(flash);
    lines.serial[0] = fuzz_line_of(FUZZ_SERIAL0);
    lines.serial[1] = fuzz_line_of(FUZZ_SERIAL1);
    memset(&fuzz_machine, 0, sizeof(fuzz_machine));
    fuzz_machine.config =
        (struct machine_config){.type = kind & FUZZ_WITH_Q35 ? MACHINE_Q35 : MACHINE_PC,
                                .ram_size = FUZZ_RAM_SIZE,
                                .cpus = FUZZ_CPUS,
                                .sockets = 1,
                                .cores = FUZZ_CPUS,
                                .threads = 1,
                                .bios = flash ? NULL : fuzz_firmware_path(),
                                .boot = {.order = "cad"},
                                .rtc_has_base = true,
                                .rtc_base = 1000000000,
                                .hpet = true,
                                .acpi = true};
    memory_transaction_begin(); /* one view of it all, not one for each region */
    if (pc_new(&fuzz_machine, &lines, &pc, &err) < 0) {
        fuzz_fail("machine", err.text);
    }
    add_devices();
    (void)standin_requests();
    fuzz_reset();
    fuzz_select_cpu(0);
    fuzz_map_bars();
    memory_transaction_commit();
}

void fuzz_machine_down(void)
{
    fuzz_round();
    memory_region_set_enabled(&fuzz_machine.io, false); /* likewise: views of nothing */
    memory_region_set_enabled(&fuzz_machine.memory, false);
    pc_free(pc);
    debugcon_free(debugcon);
    drives_free();
    standin_resets_free(&fuzz_machine);
    fuzz_lines_free();
    main_loop_wait(true); /* what is freed by bottom halves */
}

/* Memory that is just memory is reached by ops of its own. */
static bool is_device(const struct view_range *r)
{
    return r->mr->kind == MEMORY_IO || r->mr->kind == MEMORY_ROM_DEVICE;
}

static unsigned add_ranges(struct address_space *as, struct fuzz_range *ranges, unsigned n)
    REQUIRES(bql)
{
    const struct flat_view *view = rcu_dereference_locked(as->view);

    for (size_t i = 0; i < view->count && n < FUZZ_RANGES_MAX; i++) {
        const struct view_range *r = &view->range[i];

        if (is_device(r)) {
            ranges[n++] =
                (struct fuzz_range){.as = as, .mr = r->mr, .first = r->first, .last = r->last};
        }
    }
    return n;
}

unsigned fuzz_ranges(struct fuzz_range ranges[FUZZ_RANGES_MAX])
{
    return add_ranges(fuzz_machine.memory_as, ranges, add_ranges(fuzz_machine.io_as, ranges, 0));
}

uint64_t fuzz_load(struct address_space *as, uint64_t addr, unsigned size)
{
    uint64_t value = 0;

    bql_unlock();
    (void)address_space_load(as, addr, size, &value);
    bql_lock();
    return value;
}

void fuzz_store(struct address_space *as, uint64_t addr, unsigned size, uint64_t value)
{
    bql_unlock();
    (void)address_space_store(as, addr, size, value);
    bql_lock();
}

static uint16_t select_config(unsigned devfn, unsigned reg) REQUIRES(bql) MAY_BLOCK
{
    fuzz_store(fuzz_machine.io_as, 0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    return (uint16_t)(0xcfc + reg % 4);
}

uint32_t fuzz_config_read(unsigned devfn, unsigned reg, unsigned size)
{
    return (uint32_t)fuzz_load(fuzz_machine.io_as, select_config(devfn, reg), size);
}

void fuzz_config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    fuzz_store(fuzz_machine.io_as, select_config(devfn, reg), size, value);
}

uint8_t *fuzz_ram(void)
{
    return memory_region_host(&fuzz_machine.ram);
}

void fuzz_select_cpu(unsigned n)
{
    current_cpu = &standin_cpu(n)->cpu;
}

static struct standin_cpu *selected(void)
{
    return standin_cpu(current_cpu->index);
}

void fuzz_acknowledge(void)
{
    bql_unlock();
    (void)selected()->apic_ops->acknowledge(selected()->apic);
    bql_lock();
}

void fuzz_set_tpr(uint8_t cr8)
{
    const struct standin_cpu *cpu = selected();

    bql_unlock();
    cpu->apic_ops->set_tpr(cpu->apic, cr8 & 0xf);
    if (cpu->apic_ops->get_tpr(cpu->apic) != (cr8 & 0xf)) {
        fuzz_fail("CR8", "does not read as it was written");
    }
    bql_lock();
}

void fuzz_msr(uint32_t msr, bool write, uint64_t value)
{
    const struct standin_cpu *cpu = selected();

    bql_unlock();
    if (msr == 0x1b && write) {
        (void)cpu->apic_ops->set_base(cpu->apic, value);
    } else if (msr == 0x1b) {
        (void)cpu->apic_ops->get_base(cpu->apic);
    } else if (write) {
        (void)cpu->apic_ops->write_msr(cpu->apic, msr, value);
    } else {
        (void)cpu->apic_ops->read_msr(cpu->apic, msr, &value);
    }
    bql_lock();
}

void fuzz_round(void)
{
    main_loop_wait(true);
    if (standin_requests() & MACHINE_RESET) {
        fuzz_reset();
    }
}

void fuzz_advance(int64_t ns)
{
    standin_now += ns;
    aio_clock_virtual_warped();
    fuzz_round();
}

void fuzz_reset(void)
{
    standin_resets_run(&fuzz_machine);
    for (unsigned n = 0; n < FUZZ_CPUS; n++) {
        sys_cpu_reset(&standin_cpu(n)->cpu);
    }
    pc_hooks.boot(&fuzz_machine);
}

void fuzz_power_button(void)
{
    pc_hooks.power_button(&fuzz_machine);
}

void fuzz_look_at_screen(void)
{
    static char text[1 << 16];
    struct error err = {""};
    struct vga_image image;
    uint32_t sum = 0;

    (void)vga_text(vga, text, sizeof(text));
    if (vga_screen(vga, &image, &err) < 0) {
        return;
    }
    for (size_t i = 0; i < (size_t)image.width * image.height; i++) {
        sum |= image.pixels[i];
    }
    free(image.pixels);
    if (sum >> 24) {
        fuzz_fail("screen", "more than 24 bits in a pixel");
    }
}

void fuzz_key(unsigned code, bool down)
{
    i8042_key(pc->keyboard, code, down);
}

void fuzz_mouse(int8_t dx, int8_t dy, uint8_t buttons)
{
    i8042_mouse(pc->keyboard, dx, dy, (int8_t)buttons >> 3, buttons & 7);
}
