/* What the protocols of direct boot share with each other and nobody else. */
#ifndef MORTISE_HW_BOOT_INTERNAL_H
#define MORTISE_HW_BOOT_INTERNAL_H

#include "hw/boot_direct.h"
#include "hw/boot_elf.h"
#include "hw/boot_linux.h"

/* Low memory, the same for all: none of them loads a kernel below 1 MiB. */
#define BOOT_GDT_AT     0x1000
#define BOOT_TABLES_AT  0x2000
#define BOOT_STACK_AT   0x9000
#define BOOT_PARAMS_AT  0x10000
#define BOOT_CMDLINE_AT 0x20000
#define BOOT_LOW_END    0x9fc00
#define BOOT_GDT_SIZE   32
#define BOOT_CODE       0x10
#define BOOT_DATA       0x18

/* Multiboot: its modules' table and strings, between its information and the command line. */
#define BOOT_MODULES_MAX      64
#define BOOT_MODULES_AT       (BOOT_PARAMS_AT + 0x1000)
#define BOOT_MODULE_TEXT_AT   (BOOT_PARAMS_AT + 0x2000)
#define BOOT_MODULE_TEXT_SIZE (BOOT_CMDLINE_AT - BOOT_MODULE_TEXT_AT)

struct boot_module {
    char *text;         /* file and arguments */
    size_t offset, len; /* in the initrd */
};

enum boot_protocol { BOOT_LINUX, BOOT_MULTIBOOT, BOOT_PVH };

struct boot_direct {
    enum boot_protocol protocol;
    uint8_t *kernel, *initrd;
    size_t kernel_len, initrd_len;
    uint64_t initrd_at;
    char *cmdline;

    struct boot_linux_image image; /* BOOT_LINUX */
    struct boot_elf elf;           /* the others */
    struct boot_multiboot multiboot;
    struct boot_module modules[BOOT_MODULES_MAX]; /* BOOT_MULTIBOOT */
    unsigned module_count;
};

enum boot_map_type { BOOT_MAP_RAM = 1, BOOT_MAP_RESERVED = 2 };

/* The machine's memory, in ascending order. */
#define BOOT_MAP_MAX 8
struct boot_map {
    unsigned count;
    struct {
        uint64_t start, end;
        enum boot_map_type type;
    } range[BOOT_MAP_MAX];
};
struct boot_map boot_map_of(const struct machine *m);

static inline void boot_put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

static inline void boot_put64(uint8_t *p, uint64_t v)
{
    boot_put32(p, (uint32_t)v);
    boot_put32(p + 4, (uint32_t)(v >> 32));
}

/* Flat segments at BOOT_CODE and BOOT_DATA. */
void boot_put_gdt(uint8_t *ram, bool long_mode);

/* Reads what -initrd names for a multiboot kernel, at most `max` bytes, into the initrd. */
NODISCARD int boot_modules_load(struct boot_direct *b, const char *spec, size_t max,
                                struct error *err);
void boot_modules_free(struct boot_direct *b);
/* The table of modules and their strings; the initrd is in place already. */
void boot_modules_place(const struct boot_direct *b, uint8_t *ram);

/* Each fills in memory and the state of the first vCPU; kernel, initrd and command
 * line are in place already. */
void boot_place_linux(const struct boot_direct *b, const struct machine *m, uint8_t *ram,
                      struct sys_boot_state *state);
void boot_place_pvh(const struct boot_direct *b, const struct machine *m, uint8_t *ram,
                    struct sys_boot_state *state);
void boot_place_multiboot(const struct boot_direct *b, const struct machine *m, uint8_t *ram,
                          struct sys_boot_state *state);

#endif
