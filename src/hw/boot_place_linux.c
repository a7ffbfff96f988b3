/* What Linux wants to find (Documentation/x86/boot.rst, zero-page.rst): boot
 * parameters at BOOT_PARAMS_AT, and for the 64-bit entry page tables that map the
 * first 4 GiB where they are. */
#include <string.h>

#include "hw/acpi_tables.h"
#include "hw/boot_internal.h"

#define PARAMS_SIZE 4096
#define E820_MAX    128
#define LOADER_TYPE 0xff
#define KEEP_HEAP   0x80
#define PAGE        4096UL

static void fill_params(const struct boot_direct *b, const struct machine *m, uint8_t *p)
{
    struct boot_map map = boot_map_of(m);
    memset(p, 0, PARAMS_SIZE);
    memcpy(p + BOOT_LINUX_HEADER_AT, b->kernel + BOOT_LINUX_HEADER_AT, b->image.header_size);
    p[0x210] = LOADER_TYPE;
    p[0x211] |= KEEP_HEAP;
    p[0x224] = 0x00; /* end of the heap of the real-mode part, which does not run */
    p[0x225] = 0xfe;
    boot_put32(p + 0x214, (uint32_t)b->image.load_at);
    boot_put32(p + 0x218, (uint32_t)b->initrd_at);
    boot_put32(p + 0x21c, (uint32_t)b->initrd_len);
    boot_put32(p + 0x228, BOOT_CMDLINE_AT);
    boot_put64(p + 0x070, m->config.acpi ? ACPI_RSDP_AT : 0);
    p[0x1e8] = (uint8_t)map.count;
    for (unsigned i = 0; i < map.count; i++) {
        uint8_t *entry = p + 0x2d0 + 20UL * i;
        boot_put64(entry, map.range[i].start);
        boot_put64(entry + 8, map.range[i].end - map.range[i].start);
        boot_put32(entry + 16, map.range[i].type);
    }
}

static void fill_page_tables(uint8_t *t)
{
    memset(t, 0, 6 * PAGE);
    boot_put64(t, (BOOT_TABLES_AT + PAGE) | 3);
    for (unsigned i = 0; i < 4; i++) {
        boot_put64(t + PAGE + 8UL * i, (BOOT_TABLES_AT + (2UL + i) * PAGE) | 3);
    }
    for (uint64_t i = 0; i < 2048; i++) {
        boot_put64(t + 2 * PAGE + 8 * i, i << 21 | 0x83);
    }
}

void boot_place_linux(const struct boot_direct *b, const struct machine *m, uint8_t *ram,
                      struct sys_boot_state *state)
{
    fill_params(b, m, ram + BOOT_PARAMS_AT);
    fill_page_tables(ram + BOOT_TABLES_AT);
    boot_put_gdt(ram, b->image.long_mode);
    state->long_mode = b->image.long_mode;
    state->rip = b->image.load_at + (b->image.long_mode ? 0x200 : 0);
    state->rsi = BOOT_PARAMS_AT;
    state->cr3 = BOOT_TABLES_AT;
}
