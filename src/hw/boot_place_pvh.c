/* The PVH entry (Xen's docs/misc/pvh.pandoc, include/public/arch-x86/hvm/
 * start_info.h): 32-bit protected mode, EBX points to the start info. */
#include <string.h>

#include "hw/acpi_tables.h"
#include "hw/boot_internal.h"

#define MAGIC      0x336ec578
#define INFO_SIZE  56
#define MODULE_AT  (BOOT_PARAMS_AT + 0x100)
#define MEMMAP_AT  (BOOT_PARAMS_AT + 0x200)
#define ENTRY_SIZE 24

void boot_place_pvh(const struct boot_direct *b, const struct machine *m, uint8_t *ram,
                    struct sys_boot_state *state)
{
    struct boot_map map = boot_map_of(m);
    uint8_t *info = ram + BOOT_PARAMS_AT;
    memset(info, 0, 0x400);
    boot_put32(info, MAGIC);
    boot_put32(info + 4, 1);
    boot_put32(info + 12, b->initrd ? 1 : 0);
    boot_put64(info + 16, b->initrd ? MODULE_AT : 0);
    boot_put64(info + 24, BOOT_CMDLINE_AT);
    boot_put64(info + 32, m->config.acpi ? ACPI_RSDP_AT : 0);
    boot_put64(info + 40, MEMMAP_AT);
    boot_put32(info + 48, map.count);
    if (b->initrd) {
        boot_put64(ram + MODULE_AT, b->initrd_at);
        boot_put64(ram + MODULE_AT + 8, b->initrd_len);
    }
    for (unsigned i = 0; i < map.count; i++) {
        uint8_t *entry = ram + MEMMAP_AT + (size_t)ENTRY_SIZE * i;
        boot_put64(entry, map.range[i].start);
        boot_put64(entry + 8, map.range[i].end - map.range[i].start);
        boot_put32(entry + 16, map.range[i].type);
    }
    boot_put_gdt(ram, false);
    state->rip = b->elf.pvh_entry;
    state->rbx = BOOT_PARAMS_AT;
}
