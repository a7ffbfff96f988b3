/* Direct boot of a bzImage. Layout of low memory:
 *
 *   0x001000  GDT            0x010000  boot parameters ("zero page")
 *   0x002000  page tables    0x020000  command line
 *
 * The kernel goes where it prefers, or to the end of what is free above; the
 * initrd as high as it may. The memory map is the machine's: RAM below 640 KiB,
 * from 1 MiB to the hole, and above 4 GiB; tables of the firmware, which we stand
 * in for, are in ROM at 0xe0000 (hw/acpi_tables.h). */
#include "hw/boot_direct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/acpi_tables.h"
#include "hw/boot_linux.h"
#include "hw/file.h"

#define GDT_AT      0x1000
#define TABLES_AT   0x2000
#define PARAMS_AT   0x10000
#define CMDLINE_AT  0x20000
#define STACK_AT    0x9000
#define LOW_END     0x9fc00
#define FILE_MAX    (1UL << 30)
#define E820_MAX    128
#define LOADER_TYPE 0xff
#define KEEP_HEAP   0x80
#define PAGE        4096UL

enum e820 { E820_RAM = 1, E820_RESERVED = 2 };

struct boot_direct {
    uint8_t *kernel, *initrd;
    size_t kernel_len, initrd_len;
    struct boot_linux_image image;
    uint64_t load_at, initrd_at;
    char *cmdline;
};

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

/* Chooses addresses. Everything direct boot touches lies in low RAM. */
static int plan(struct boot_direct *b, const struct machine *m, struct error *err)
{
    const struct machine_config *c = &m->config;
    b->load_at = b->image.load_at;
    if (b->load_at + b->image.init_size > m->low_ram) {
        return error_set(err, ENOMEM,
                         "kernel %s: needs memory up to 0x%llx, the machine has 0x%llx (-m)",
                         c->kernel, (unsigned long long)(b->load_at + b->image.init_size),
                         (unsigned long long)m->low_ram);
    }
    if (!b->initrd) {
        return 0;
    }
    uint64_t end = b->image.initrd_max < m->low_ram - 1 ? b->image.initrd_max + 1 : m->low_ram;
    uint64_t kernel_end = b->load_at + b->image.init_size;
    if (b->initrd_len > end || (end - b->initrd_len) / PAGE * PAGE < kernel_end) {
        return error_set(err, ENOMEM, "initrd %s: %zu bytes find no place beside the kernel (-m)",
                         c->initrd, b->initrd_len);
    }
    b->initrd_at = (end - b->initrd_len) / PAGE * PAGE;
    return 0;
}

static int load_files(struct boot_direct *b, const struct machine *m, struct error *err)
{
    const struct machine_config *c = &m->config;
    int rc = file_read("kernel", c->kernel, FILE_MAX, &b->kernel, &b->kernel_len, err);
    if (rc == 0) {
        rc = boot_linux_parse(b->kernel, b->kernel_len, c->kernel, &b->image, err);
    }
    if (rc == 0 && c->initrd) {
        rc = file_read("initrd", c->initrd, FILE_MAX, &b->initrd, &b->initrd_len, err);
    }
    if (rc) {
        return rc;
    }
    const char *text = c->append ? c->append : "";
    if (strlen(text) > b->image.cmdline_max) {
        return error_set(err, E2BIG, "-append: %zu characters, the kernel takes %u", strlen(text),
                         b->image.cmdline_max);
    }
    b->cmdline = strdup(text);
    return b->cmdline ? plan(b, m, err) : error_set(err, ENOMEM, "-append: out of memory");
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
        free(b->kernel);
        free(b->initrd);
        free(b->cmdline);
        free(b);
    }
}

static void add_e820(uint8_t *params, uint64_t start, uint64_t end, enum e820 type)
{
    uint8_t *count = params + 0x1e8;
    uint8_t *entry = params + 0x2d0 + 20UL * *count;
    if (start < end && *count < E820_MAX) {
        put64(entry, start);
        put64(entry + 8, end - start);
        put32(entry + 16, type);
        ++*count;
    }
}

static void fill_params(const struct boot_direct *b, const struct machine *m, uint8_t *p)
{
    memset(p, 0, PAGE);
    memcpy(p + BOOT_LINUX_HEADER_AT, b->kernel + BOOT_LINUX_HEADER_AT, b->image.header_size);
    p[0x210] = LOADER_TYPE;
    p[0x211] |= KEEP_HEAP;
    p[0x224] = 0x00; /* end of the heap of the real-mode part, which does not run */
    p[0x225] = 0xfe;
    put32(p + 0x214, (uint32_t)b->load_at);
    put32(p + 0x218, (uint32_t)b->initrd_at);
    put32(p + 0x21c, (uint32_t)b->initrd_len);
    put32(p + 0x228, CMDLINE_AT);
    put64(p + 0x070, ACPI_RSDP_AT);
    add_e820(p, 0, LOW_END, E820_RAM);
    add_e820(p, LOW_END, 0xa0000, E820_RESERVED);
    add_e820(p, 0xe0000, 0x100000, E820_RESERVED);
    add_e820(p, 0x100000, m->low_ram, E820_RAM);
    add_e820(p, 0xfec00000, 0xfec01000, E820_RESERVED);
    add_e820(p, 0xfee00000, 0xfee01000, E820_RESERVED);
    add_e820(p, 1UL << 32, (1UL << 32) + m->high_ram, E820_RAM);
}

/* The first 4 GiB, each where it is, in 2 MiB pages. */
static void fill_page_tables(uint8_t *t)
{
    memset(t, 0, 6 * PAGE);
    put64(t, (TABLES_AT + PAGE) | 3);
    for (unsigned i = 0; i < 4; i++) {
        put64(t + PAGE + 8UL * i, (TABLES_AT + (2UL + i) * PAGE) | 3);
    }
    for (uint64_t i = 0; i < 2048; i++) {
        put64(t + 2 * PAGE + 8 * i, i << 21 | 0x83);
    }
}

/* Selector 0x10: code, 0x18: data, flat. */
static void fill_gdt(uint8_t *g, bool long_mode)
{
    memset(g, 0, 32);
    put64(g + 0x10, long_mode ? 0x00af9b000000ffff : 0x00cf9b000000ffff);
    put64(g + 0x18, 0x00cf93000000ffff);
}

void boot_direct_place(struct boot_direct *b, struct machine *m, struct sys_boot_state *state)
{
    uint8_t *ram = memory_region_host(&m->ram);
    memcpy(ram + b->load_at, b->kernel + b->image.setup_size, b->image.kernel_size);
    if (b->initrd) {
        memcpy(ram + b->initrd_at, b->initrd, b->initrd_len);
    }
    memcpy(ram + CMDLINE_AT, b->cmdline, strlen(b->cmdline) + 1);
    fill_params(b, m, ram + PARAMS_AT);
    fill_page_tables(ram + TABLES_AT);
    fill_gdt(ram + GDT_AT, b->image.long_mode);
    *state = (struct sys_boot_state){
        .long_mode = b->image.long_mode,
        .rip = b->load_at + (b->image.long_mode ? 0x200 : 0),
        .rsp = STACK_AT,
        .rsi = PARAMS_AT,
        .cr3 = TABLES_AT,
        .gdt_base = GDT_AT,
        .gdt_limit = 31,
        .cs = 0x10,
        .ds = 0x18,
    };
}
