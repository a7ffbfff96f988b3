/* What firmware reads of the machine through fw_cfg: sizes, the memory map, ACPI
 * tables with instructions for placing and linking them (the table loader: see the
 * comments in SeaBIOS's src/fw/romfile_loader.h for the format). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/fw_cfg.h"
#include "hw/pc_internal.h"

#define RSDP_FILE   "etc/acpi/rsdp"
#define RSDP_SIZE   36
#define TABLES_FILE "etc/acpi/tables"
#define LOADER_FILE "etc/table-loader"
#define NAME_SIZE   56
#define COMMAND_MAX (2 + ACPI_FIXUPS_MAX + ACPI_SUMS_MAX)
#define SERIAL_PORT 0x3f8

enum loader_command { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum loader_zone { LOADER_HIGH = 1, LOADER_LOW_SEGMENT = 2 };

/* One command: 128 bytes, little-endian like the host. */
struct loader_entry {
    uint32_t command;
    union {
        struct {
            char file[NAME_SIZE];
            uint32_t align;
            uint8_t zone;
        } allocate;
        struct {
            char dest[NAME_SIZE], source[NAME_SIZE];
            uint32_t offset;
            uint8_t size;
        } pointer;
        struct {
            char file[NAME_SIZE];
            uint32_t offset, start, length;
        } checksum;
        uint8_t pad[124];
    } u;
};

/* A file's name in a command, whose memory is zero. */
static void put_name(char *name, const char *file)
{
    (void)snprintf(name, NAME_SIZE, "%s", file);
}

static void put_allocate(struct loader_entry *e, const char *file, uint32_t align,
                         enum loader_zone zone)
{
    e->command = LOADER_ALLOCATE;
    put_name(e->u.allocate.file, file);
    e->u.allocate.align = align;
    e->u.allocate.zone = (uint8_t)zone;
}

/* Which file has the byte at an offset of the image: the RSDP, which it begins with, is
 * looked for below 1 MiB, where firmware needs what little room there is for itself; the
 * others go elsewhere. Their file is the whole image, so that offsets in it hold. */
static const char *file_of(uint32_t at)
{
    return at < RSDP_SIZE ? RSDP_FILE : TABLES_FILE;
}

static size_t fill_loader(struct loader_entry *e, const struct acpi_image *image)
{
    size_t n = 0;
    put_allocate(&e[n++], RSDP_FILE, 16, LOADER_LOW_SEGMENT);
    put_allocate(&e[n++], TABLES_FILE, 64, LOADER_HIGH);
    for (unsigned i = 0; i < image->fixup_count; i++) {
        e[n].command = LOADER_ADD_POINTER;
        put_name(e[n].u.pointer.dest, file_of(image->fixups[i].at));
        put_name(e[n].u.pointer.source, TABLES_FILE);
        e[n].u.pointer.offset = image->fixups[i].at;
        e[n++].u.pointer.size = (uint8_t)image->fixups[i].size;
    }
    for (unsigned i = 0; i < image->sum_count; i++) {
        e[n].command = LOADER_ADD_CHECKSUM;
        put_name(e[n].u.checksum.file, file_of(image->sums[i].start));
        e[n].u.checksum.offset = image->sums[i].at;
        e[n].u.checksum.start = image->sums[i].start;
        e[n++].u.checksum.length = image->sums[i].len;
    }
    return n;
}

/* The tables as the chipset is now, and how to place them. Firmware reads them when it
 * has placed the chipset's parts; if it left some out, what is left is shorter. */
static int build(const struct pc *pc, bool planned, struct acpi_image *image,
                 struct loader_entry *loader, size_t *commands, struct error *err) REQUIRES(bql)
{
    struct acpi_platform platform = pc_acpi_platform(pc, planned);
    int rc = acpi_build(image, pc->machine, &platform, err);
    *commands = rc == 0 ? fill_loader(loader, image) : 0;
    return rc;
}

struct built {
    struct acpi_image image;
    struct loader_entry loader[COMMAND_MAX];
};

static void refill(const struct pc *pc, bool tables, uint8_t *data, size_t size) REQUIRES(bql)
{
    struct built *built = calloc(1, sizeof(*built));
    size_t commands;
    if (built && build(pc, false, &built->image, built->loader, &commands, NULL) == 0) {
        const void *source = tables ? (const void *)built->image.data : built->loader;
        size_t len = tables ? built->image.len : commands * sizeof(built->loader[0]);
        len = len < size ? len : size;
        memcpy(data, source, len);
        memset(data + len, 0, size - len); /* as commands: none */
    }
    free(built);
}

/* As much of the image as the file has: all of it, or the RSDP. */
static void refill_tables(void *opaque, uint8_t *data, size_t size)
{
    bql_assert_locked();
    refill(opaque, true, data, size);
}

static void refill_loader(void *opaque, uint8_t *data, size_t size)
{
    bql_assert_locked();
    refill(opaque, false, data, size);
}

static int add_tables(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct fw_cfg *f = pc->machine->fw_cfg;
    struct built *built = calloc(1, sizeof(*built));
    size_t commands;
    if (!built) {
        return error_set(err, ENOMEM, "ACPI tables: out of memory");
    }
    int rc = build(pc, true, &built->image, built->loader, &commands, err);
    if (rc == 0) {
        rc = fw_cfg_add_file(f, RSDP_FILE, built->image.data, RSDP_SIZE, err);
    }
    if (rc == 0) {
        rc = fw_cfg_add_file(f, TABLES_FILE, built->image.data, built->image.len, err);
    }
    if (rc == 0) {
        rc = fw_cfg_add_file(f, LOADER_FILE, built->loader, commands * sizeof(built->loader[0]),
                             err);
    }
    if (rc == 0) {
        fw_cfg_refill_file(f, RSDP_FILE, refill_tables, pc);
        fw_cfg_refill_file(f, TABLES_FILE, refill_tables, pc);
        fw_cfg_refill_file(f, LOADER_FILE, refill_loader, pc);
    }
    free(built);
    return rc;
}

/* RAM as the firmware's memory map begins with it. */
static int add_memory_map(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct __attribute__((packed)) {
        uint64_t start, size;
        uint32_t type;
    } map[2] = {{0, pc->machine->low_ram, 1}, {1UL << 32, pc->machine->high_ram, 1}};
    size_t n = pc->machine->high_ram ? 2 : 1;
    return fw_cfg_add_file(pc->machine->fw_cfg, "etc/e820", map, n * sizeof(map[0]), err);
}

/* How long the boot menu's question stays, and when firmware that finds nothing starts anew. */
static int add_boot_waits(struct fw_cfg *f, const struct machine_boot *b, struct error *err)
    REQUIRES(bql)
{
    int rc = 0;
    if (b->has_menu_wait) {
        rc = fw_cfg_add_file(f, "etc/boot-menu-wait", &b->menu_wait_ms, sizeof(b->menu_wait_ms),
                             err);
    }
    if (rc == 0 && b->has_fail_wait) {
        rc = fw_cfg_add_file(f, "etc/boot-fail-wait", &b->fail_wait_ms, sizeof(b->fail_wait_ms),
                             err);
    }
    return rc;
}

int pc_fill_fw_cfg(struct pc *pc, struct error *err)
{
    const struct machine *m = pc->machine;
    const struct {
        uint16_t key;
        uint64_t value;
        unsigned size;
    } numbers[] = {
        {FW_CFG_RAM_SIZE, m->config.ram_size, 8},   {FW_CFG_NOGRAPHIC, 1, 2},
        {FW_CFG_NB_CPUS, m->config.cpus, 2},        {FW_CFG_MAX_CPUS, m->config.cpus, 2},
        {FW_CFG_BOOT_MENU, m->config.boot.menu, 2}, {FW_CFG_IRQ0_OVERRIDE, 1, 4},
    };
    int rc = 0;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]) && rc == 0; i++) {
        rc = fw_cfg_add_int(m->fw_cfg, numbers[i].key, numbers[i].value, numbers[i].size, err);
    }
    if (rc == 0) {
        rc = add_memory_map(pc, err);
    }
    if (rc == 0) {
        rc = add_boot_waits(m->fw_cfg, &m->config.boot, err);
    }
    if (rc == 0 && pc->serial[0]) { /* the firmware's console is the serial port */
        uint16_t port = SERIAL_PORT;
        rc = fw_cfg_add_file(m->fw_cfg, "etc/sercon-port", &port, sizeof(port), err);
    }
    return rc || !m->config.acpi ? rc : add_tables(pc, err);
}
