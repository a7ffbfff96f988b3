/* The table of devices that can be asked for. */
#include "hw/device_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "hw/boot_order.h"
#include "hw/debug_exit.h"
#include "hw/device_fixed.h"
#include "hw/device_place.h"
#include "hw/drive.h"
#include "hw/file.h"
#include "hw/fw_cfg.h"
#include "hw/object.h"
#include "hw/pc_testdev.h"
#include "hw/pci_testdev.h"
#include "hw/vga.h"
#include "hw/virtio_blk.h"
#include "hw/virtio_rng.h"

#define VGA_ROM      "/usr/share/seabios/vgabios-stdvga.bin"
#define VGA_ROM_NAME "vgaroms/vgabios-stdvga.bin"
#define VGA_ROM_MAX  65536

static int create_virtio_blk(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    const char *id = device_props_get(p, "drive"), *serial = device_props_get(p, "serial");
    struct ide_drive drive;
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    if (ret < 0) {
        return ret;
    }
    if (!id) {
        return error_set(err, EINVAL, "virtio-blk-pci: drive=ID expected");
    }
    ret = drive_take(id, "virtio-blk-pci", false, &drive, err);
    if (ret < 0) {
        return ret;
    }
    devfn = devfn < 0 ? pci_free_slot(m->pci) : devfn;
    ret = virtio_blk_new(m->pci, devfn, drive.disk, serial ? serial : drive.serial, err);
    if (ret < 0) {
        disk_close(drive.disk);
    }
    return ret < 0 ? ret : boot_order_add_virtio_blk(p, devfn, err);
}

static int create_virtio_rng(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    const char *rng = device_props_get(p, "rng");
    uint64_t max_bytes = 0, period = 0;
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    if (ret == 0 && rng && !object_is_rng(rng)) {
        ret = error_set(err, ENOENT, "virtio-rng-pci: there is no -object with id=%s", rng);
    }
    if (ret == 0) {
        ret = device_props_number(p, "max-bytes", 0, INT64_MAX, &max_bytes, err);
    }
    if (ret == 0) {
        ret = device_props_number(p, "period", 65536, UINT32_MAX, &period, err);
    }
    if (ret == 0 && period == 0) {
        ret = error_set(err, EINVAL, "virtio-rng-pci: period=0 is not possible");
    }
    return ret < 0 ? ret : virtio_rng_new(m->pci, devfn, max_bytes, (uint32_t)period, err);
}

void devices_free(void)
{
    device_chars_free();
    device_globals_free();
    boot_order_forget();
}

/* Firmware finds the code that drives it as a file. Without the package that has it,
 * the VGA is there all the same. */
static int add_vga_rom(struct machine *m, struct error *err) REQUIRES(bql)
{
    uint8_t *rom;
    size_t len;
    int ret;

    if (!m->fw_cfg || access(VGA_ROM, R_OK) < 0) {
        return 0;
    }
    ret = file_read("VGA BIOS", VGA_ROM, VGA_ROM_MAX, &rom, &len, err);
    if (ret == 0) {
        ret = fw_cfg_add_file(m->fw_cfg, VGA_ROM_NAME, rom, len, err);
        free(rom);
    }
    return ret;
}

static int create_vga(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    struct vga *vga;
    uint64_t mib;
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    if (ret == 0) {
        ret = device_props_number(p, "vgamem_mb", VGA_MEMORY_DEFAULT >> 20, 256, &mib, err);
    }
    if (ret == 0) {
        ret = vga_new(m->pci, devfn, (uint32_t)mib << 20, &vga, err);
    }
    return ret < 0 ? ret : add_vga_rom(m, err);
}

static int create_debug_exit(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    uint64_t base = 0, size = 0;
    int ret = device_props_number(p, "iobase", 0x501, UINT16_MAX, &base, err);

    if (ret == 0) {
        ret = device_props_number(p, "iosize", 2, 4, &size, err);
    }
    return ret < 0 ? ret : debug_exit_new(m, (uint16_t)base, (unsigned)size, err);
}

static int create_pci_testdev(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    int devfn, ret = device_pci_place(m, p, &devfn, err);

    return ret < 0 ? ret : pci_testdev_new(m->pci, devfn, err);
}

static int create_pc_testdev(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    (void)p;
    return pc_testdev_new(m, err);
}

static int create_ide_hd(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    return device_ide_new(m, p, false, err);
}

static int create_ide_cd(struct machine *m, const struct device_props *p, struct error *err)
    REQUIRES(bql)
{
    return device_ide_new(m, p, true, err);
}

#define PCI_OPTIONS                                                                                \
    {"bus", "pci.0, or pcie.0 on q35"}, {"addr", "SLOT[.FUNCTION] on that bus, hexadecimal"}

#define BOOTINDEX_OPTION {"bootindex", "firmware boots from the lowest first"}

static const struct device_option blk_options[] = {{"drive", "the -drive (if=none) with this id"},
                                                   {"serial", "serial number, up to 20 characters"},
                                                   BOOTINDEX_OPTION,
                                                   PCI_OPTIONS,
                                                   {NULL, NULL}};
static const struct device_option pci_options[] = {PCI_OPTIONS, {NULL, NULL}};
static const struct device_option rng_options[] = {
    {"rng", "the -object (rng-random or rng-builtin) with this id"},
    {"max-bytes", "that are given in a period (as many as are asked for)"},
    {"period", "in milliseconds (65536)"},
    PCI_OPTIONS,
    {NULL, NULL}};
static const struct device_option no_options[] = {{NULL, NULL}};
#define CHARDEV_OPTION {"chardev", "the -chardev with this id, or as -serial takes it (null)"}
static const struct device_option console_options[] = {CHARDEV_OPTION, PCI_OPTIONS, {NULL, NULL}};
static const struct device_option virtconsole_options[] = {
    CHARDEV_OPTION,
    {"bus", "ID.0, of the virtio-serial-pci with this id (the last with room)"},
    {NULL, NULL}};
static const struct device_option debugcon_options[] = {{"iobase", "its port (0xe9)"},
                                                        {"readback", "what it reads as (0xe9)"},
                                                        CHARDEV_OPTION,
                                                        {NULL, NULL}};
static const struct device_option ide_options[] = {
    {"drive", "the -drive (if=none) with this id"},
    {"bus", "ide.0, ide.1; to ide.5 on q35 (the first with room)"},
    {"unit", "0 or 1; 0 on q35 (the first that is free)"},
    {"serial", "serial number, up to 20 characters"},
    BOOTINDEX_OPTION,
    {NULL, NULL}};
static const struct device_option vga_options[] = {
    {"vgamem_mb", "memory in MiB, a power of two (16)"}, PCI_OPTIONS, {NULL, NULL}};
static const struct device_option exit_options[] = {
    {"iobase", "first port (0x501)"}, {"iosize", "number of ports, 1 to 4 (2)"}, {NULL, NULL}};

static const struct device_type types[] = {
    {"virtio-blk-pci", "PCI", "virtio block device", blk_options, create_virtio_blk},
    {"virtio-rng-pci", "PCI", "virtio entropy device", rng_options, create_virtio_rng},
    {"virtio-console-pci", "PCI", "virtio console (hvc0)", console_options,
     device_char_new_virtio_console},
    {"virtio-serial-pci", "PCI", "the same, for a virtconsole", pci_options,
     device_char_new_virtio_serial},
    {"virtconsole", "virtio", "character device of a virtio-serial-pci", virtconsole_options,
     device_char_new_virtconsole},
    {"ide-hd", "IDE", "IDE or SATA disk", ide_options, create_ide_hd},
    {"ide-cd", "IDE", "IDE or SATA CD-ROM drive", ide_options, create_ide_cd},
    {"VGA", "PCI", "VGA with linear modes", vga_options, create_vga},
    {"isa-debug-exit", "ISA", "port that ends the process", exit_options, create_debug_exit},
    {"isa-debugcon", "ISA", "port that prints", debugcon_options, device_char_new_debugcon},
    {"pc-testdev", "ISA", "ports, lines and memory for tests", no_options, create_pc_testdev},
    {"pci-testdev", "PCI", "counts writes, for tests", pci_options, create_pci_testdev},
};

/* QEMU's names without a bus mean the same. */
static bool is_called(const struct device_type *t, const char *name)
{
    size_t len = strlen(name);

    return strcmp(t->name, name) == 0 ||
           (strncmp(t->name, name, len) == 0 && strcmp(t->name + len, "-pci") == 0);
}

const struct device_type *device_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (name && is_called(&types[i], name)) {
            return &types[i];
        }
    }
    return NULL;
}

bool device_type_has(const struct device_type *t, const char *property)
{
    const struct device_option *o = t->options;

    while (o->name && strcmp(o->name, property) != 0) {
        o++;
    }
    return o->name || strcmp(property, "id") == 0 || device_fixed_has(t->name, property);
}

const char *device_type_suggest(const char *name)
{
    const char *names[sizeof(types) / sizeof(types[0]) + 1];
    size_t n = 0;

    for (; n < sizeof(types) / sizeof(types[0]); n++) {
        names[n] = types[n].name;
    }
    names[n] = NULL;
    return suggest_name(name, names);
}

static int check_names(const struct device_type *t, const struct device_props *p, struct error *err)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (!device_type_has(t, p->pair[i].name)) {
            return error_set(err, EINVAL, "-device %s has no property \"%s\"", t->name,
                             p->pair[i].name);
        }
        int ret = device_fixed_check(t->name, p->pair[i].name, p->pair[i].value, err);

        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static void unknown_device(const char *name, struct error *err)
{
    const char *meant = device_type_suggest(name);

    if (meant) {
        (void)error_set(err, ENODEV, "there is no device '%s'; did you mean '%s'?", name, meant);
    } else {
        (void)error_set(err, ENODEV, "there is no device '%s' (-device help)", name);
    }
}

/* The properties, and whose they are. They are to be freed if it worked. */
static int parse(const char *text, const struct device_type **t, struct device_props *p,
                 struct error *err)
{
    int ret = device_props_parse(p, text, err);

    if (ret < 0) {
        return ret;
    }
    *t = device_type_find(p->first);
    if (!*t) {
        unknown_device(p->first ? p->first : text, err);
        device_props_free(p);
        return -ENODEV;
    }
    ret = check_names(*t, p, err);
    if (ret < 0) {
        device_props_free(p);
    }
    return ret;
}

int device_check(const char *text, struct error *err)
{
    const struct device_type *t;
    struct device_props p;
    int ret = parse(text, &t, &p, err);

    if (ret == 0) {
        device_props_free(&p);
    }
    return ret;
}

int device_add(struct machine *m, const char *text, struct error *err)
{
    const struct device_type *t;
    struct device_props p;
    int ret = parse(text, &t, &p, err);

    if (ret < 0) {
        return ret;
    }
    ret = device_globals_apply(t, &p, err);
    if (ret == 0) {
        ret = t->create(m, &p, err);
    }
    device_props_free(&p);
    return ret;
}

void device_help(FILE *out, const char *text)
{
    const char *comma = strchr(text, ',');
    char name[64] = "";
    const struct device_type *t;

    if (comma && (size_t)(comma - text) < sizeof(name)) {
        memcpy(name, text, (size_t)(comma - text));
    }
    t = device_type_find(name[0] ? name : NULL);
    if (t) {
        for (const struct device_option *o = t->options; o->name; o++) {
            (void)fprintf(out, "  %-12s %s\n", o->name, o->help);
        }
        return;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        (void)fprintf(out, "  %-20s %-4s %s\n", types[i].name, types[i].bus, types[i].help);
    }
}
