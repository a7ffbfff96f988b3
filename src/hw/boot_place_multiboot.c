/* Multiboot, version 1 (Multiboot Specification 0.6.96, 3.2 and 3.3): 32-bit
 * protected mode, EAX holds the loader's magic, EBX points to the information. */
#include <string.h>

#include "hw/boot_internal.h"

#define LOADER_MAGIC 0x2badb002
#define INFO_SIZE    0x80
#define MEMMAP_AT    (BOOT_PARAMS_AT + 0x200)
#define NAME_AT      (BOOT_PARAMS_AT + 0x400)
#define ENTRY_SIZE   24

enum info_flags {
    INFO_MEMORY = 1 << 0,
    INFO_CMDLINE = 1 << 2,
    INFO_MODULES = 1 << 3,
    INFO_MEMMAP = 1 << 6,
    INFO_NAME = 1 << 9,
};

void boot_place_multiboot(const struct boot_direct *b, const struct machine *m, uint8_t *ram,
                          struct sys_boot_state *state)
{
    static const char name[] = "mortise";
    struct boot_map map = boot_map_of(m);
    uint8_t *info = ram + BOOT_PARAMS_AT;
    memset(info, 0, 0x480);
    boot_put32(info, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MEMMAP | INFO_NAME);
    boot_put32(info + 4, BOOT_LOW_END / 1024);
    boot_put32(info + 8, (uint32_t)((m->low_ram - (1UL << 20)) / 1024));
    boot_put32(info + 16, BOOT_CMDLINE_AT);
    boot_put32(info + 20, b->module_count);
    boot_put32(info + 24, BOOT_MODULES_AT);
    boot_put32(info + 44, ENTRY_SIZE * map.count);
    boot_put32(info + 48, MEMMAP_AT);
    boot_put32(info + 64, NAME_AT);
    memcpy(ram + NAME_AT, name, sizeof(name));
    boot_modules_place(b, ram);
    for (unsigned i = 0; i < map.count; i++) {
        uint8_t *entry = ram + MEMMAP_AT + (size_t)ENTRY_SIZE * i;
        boot_put32(entry, ENTRY_SIZE - 4);
        boot_put64(entry + 4, map.range[i].start);
        boot_put64(entry + 12, map.range[i].end - map.range[i].start);
        boot_put32(entry + 20, map.range[i].type);
    }
    boot_put_gdt(ram, false);
    state->rip = b->multiboot.addresses ? b->multiboot.entry : b->elf.entry;
    state->rax = LOADER_MAGIC;
    state->rbx = BOOT_PARAMS_AT;
}
