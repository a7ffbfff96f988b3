/* Direct boot: which protocol a kernel speaks, where it and its initrd go, and
 * putting them there. The initrd lies as high as it may. The memory map is the
 * machine's: RAM below 640 KiB, from 1 MiB to the hole, and above 4 GiB; the tables
 * of the firmware that we stand in for are in ROM at 0xe0000 (hw/acpi_tables.h). */
#include "hw/boot_direct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/boot_internal.h"
#include "hw/file.h"
#include "hw/q35.h"

#define FILE_MAX    (1UL << 30)
#define ELF_CMDLINE 4095 /* characters: what a guest's page has room for */
#define PAGE        4096UL
#define MIB         (1UL << 20)

struct boot_map boot_map_of(const struct machine *m)
{
    struct boot_map map = {.count = 0};
    bool ecam = m->config.type == MACHINE_Q35;
    uint64_t ecam_end = Q35_ECAM_AT + (ecam ? Q35_ECAM_SIZE : 0);
    const struct {
        uint64_t start, end;
        enum boot_map_type type;
    } all[] = {
        {0, BOOT_LOW_END, BOOT_MAP_RAM},
        {BOOT_LOW_END, 0xa0000, BOOT_MAP_RESERVED},
        {0xe0000, MIB, BOOT_MAP_RESERVED},
        {MIB, m->low_ram, BOOT_MAP_RAM},
        {Q35_ECAM_AT, ecam_end, BOOT_MAP_RESERVED},
        {0xfec00000, 0xfec01000, BOOT_MAP_RESERVED},
        {0xfee00000, 0xfee01000, BOOT_MAP_RESERVED},
        {1UL << 32, (1UL << 32) + m->high_ram, BOOT_MAP_RAM},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].start < all[i].end) {
            map.range[map.count].start = all[i].start;
            map.range[map.count].end = all[i].end;
            map.range[map.count++].type = all[i].type;
        }
    }
    return map;
}

void boot_put_gdt(uint8_t *ram, bool long_mode)
{
    uint8_t *g = ram + BOOT_GDT_AT;
    memset(g, 0, BOOT_GDT_SIZE);
    boot_put64(g + BOOT_CODE, long_mode ? 0x00af9b000000ffff : 0x00cf9b000000ffff);
    boot_put64(g + BOOT_DATA, 0x00cf93000000ffff);
}

static int choose_protocol(struct boot_direct *b, const char *path, struct error *err)
{
    bool found;
    if (b->kernel_len > 0x206 && memcmp(b->kernel + 0x202, "HdrS", 4) == 0) {
        b->protocol = BOOT_LINUX;
        return boot_linux_parse(b->kernel, b->kernel_len, path, &b->image, err);
    }
    int rc = boot_multiboot_parse(b->kernel, b->kernel_len, path, &found, &b->multiboot, err);
    if (rc) {
        return rc;
    }
    if (found && b->multiboot.addresses) {
        b->protocol = BOOT_MULTIBOOT;
        b->elf = (struct boot_elf){
            .entry = b->multiboot.entry, .segment_count = 1, .segments = {b->multiboot.segment}};
        return 0;
    }
    if (!boot_elf_is(b->kernel, b->kernel_len)) {
        return error_set(err, ENOEXEC, "kernel %s: neither a bzImage nor a multiboot or ELF file",
                         path);
    }
    rc = boot_elf_parse(b->kernel, b->kernel_len, path, &b->elf, err);
    if (rc) {
        return rc;
    }
    b->protocol = found ? BOOT_MULTIBOOT : BOOT_PVH;
    if (!found && !b->elf.has_pvh) {
        return error_set(err, ENOEXEC,
                         "kernel %s: an ELF file without PVH entry or multiboot header", path);
    }
    return 0;
}

/* What the kernel occupies, from the lowest to the highest byte. */
static void kernel_bounds(const struct boot_direct *b, uint64_t *start, uint64_t *end)
{
    *start = b->image.load_at;
    *end = b->image.load_at + b->image.init_size;
    if (b->protocol == BOOT_LINUX) {
        return;
    }
    *start = UINT64_MAX;
    for (unsigned i = 0; i < b->elf.segment_count; i++) {
        const struct boot_segment *s = &b->elf.segments[i];
        *start = s->at < *start ? s->at : *start;
        *end = s->at + s->size > *end ? s->at + s->size : *end;
    }
}

static int plan(struct boot_direct *b, const struct machine *m, struct error *err)
{
    const struct machine_config *c = &m->config;
    uint64_t start, kernel_end;
    kernel_bounds(b, &start, &kernel_end);
    if (start < MIB) {
        return error_set(err, ENOEXEC, "kernel %s: wants to lie at 0x%llx, below 1 MiB", c->kernel,
                         (unsigned long long)start);
    }
    if (kernel_end > m->low_ram) {
        return error_set(err, ENOMEM,
                         "kernel %s: needs memory up to 0x%llx, the machine has 0x%llx (-m)",
                         c->kernel, (unsigned long long)kernel_end, (unsigned long long)m->low_ram);
    }
    if (!b->initrd) {
        return 0;
    }
    uint64_t end = m->low_ram;
    if (b->protocol == BOOT_LINUX && b->image.initrd_max < end - 1) {
        end = b->image.initrd_max + 1;
    }
    if (b->initrd_len > end || (end - b->initrd_len) / PAGE * PAGE < kernel_end) {
        return error_set(err, ENOMEM, "initrd %s: %zu bytes find no place beside the kernel (-m)",
                         c->initrd, b->initrd_len);
    }
    b->initrd_at = (end - b->initrd_len) / PAGE * PAGE;
    return 0;
}

static int load_initrd(struct boot_direct *b, const char *initrd, struct error *err)
{
    if (!initrd) {
        return 0;
    }
    return b->protocol == BOOT_MULTIBOOT
               ? boot_modules_load(b, initrd, FILE_MAX, err)
               : file_read("initrd", initrd, FILE_MAX, &b->initrd, &b->initrd_len, err);
}

/* A multiboot kernel is told its own name first, as QEMU and GRUB do: to it that is what
 * argv[0] is to a program. */
static int make_cmdline(struct boot_direct *b, const struct machine_config *c, struct error *err)
{
    const char *text = c->append ? c->append : "";
    size_t longest = b->protocol == BOOT_LINUX ? b->image.cmdline_max : ELF_CMDLINE;
    if (b->protocol == BOOT_MULTIBOOT) {
        size_t size = strlen(c->kernel) + strlen(text) + 2;
        b->cmdline = malloc(size);
        if (b->cmdline) {
            (void)snprintf(b->cmdline, size, "%s %s", c->kernel, text);
        }
    } else {
        b->cmdline = strdup(text);
    }
    if (!b->cmdline) {
        return error_set(err, ENOMEM, "-append: out of memory");
    }
    size_t len = strlen(b->cmdline);
    return len > longest ? error_set(err, E2BIG, "-append: %zu characters, the kernel takes %zu",
                                     len, longest)
                         : 0;
}

static int load_files(struct boot_direct *b, const struct machine *m, struct error *err)
{
    const struct machine_config *c = &m->config;
    int rc = file_read("kernel", c->kernel, FILE_MAX, &b->kernel, &b->kernel_len, err);
    if (rc == 0) {
        rc = choose_protocol(b, c->kernel, err);
    }
    if (rc == 0) {
        rc = load_initrd(b, c->initrd, err);
    }
    if (rc == 0) {
        rc = make_cmdline(b, c, err);
    }
    return rc ? rc : plan(b, m, err);
}

int boot_direct_new(struct machine *m, struct boot_direct **out, struct error *err)
{
    struct boot_direct *b = calloc(1, sizeof(*b));
    if (!b) {
        return error_set(err, ENOMEM, "kernel: out of memory");
    }
    int rc = load_files(b, m, err);
    if (rc) {
        boot_direct_free(b);
        return rc;
    }
    *out = b;
    return 0;
}

void boot_direct_free(struct boot_direct *b)
{
    if (b) {
        boot_modules_free(b);
        free(b->kernel);
        free(b->initrd);
        free(b->cmdline);
        free(b);
    }
}

static void place_kernel(const struct boot_direct *b, uint8_t *ram)
{
    if (b->protocol == BOOT_LINUX) {
        memcpy(ram + b->image.load_at, b->kernel + b->image.setup_size, b->image.kernel_size);
        return;
    }
    for (unsigned i = 0; i < b->elf.segment_count; i++) {
        const struct boot_segment *s = &b->elf.segments[i];
        memcpy(ram + s->at, b->kernel + s->file_offset, s->file_size);
        memset(ram + s->at + s->file_size, 0, s->size - s->file_size);
    }
}

void boot_direct_place(struct boot_direct *b, struct machine *m, struct sys_boot_state *state)
{
    uint8_t *ram = memory_region_host(&m->ram);
    place_kernel(b, ram);
    if (b->initrd) {
        memcpy(ram + b->initrd_at, b->initrd, b->initrd_len);
    }
    memcpy(ram + BOOT_CMDLINE_AT, b->cmdline, strlen(b->cmdline) + 1);
    *state = (struct sys_boot_state){
        .rsp = BOOT_STACK_AT,
        .gdt_base = BOOT_GDT_AT,
        .gdt_limit = BOOT_GDT_SIZE - 1,
        .cs = BOOT_CODE,
        .ds = BOOT_DATA,
    };
    switch (b->protocol) {
    case BOOT_LINUX:
        boot_place_linux(b, m, ram, state);
        break;
    case BOOT_MULTIBOOT:
        boot_place_multiboot(b, m, ram, state);
        break;
    case BOOT_PVH:
        boot_place_pvh(b, m, ram, state);
        break;
    }
    memory_ram_written(m->ram.ram_addr, m->low_ram); /* nothing translated before is true now */
}
