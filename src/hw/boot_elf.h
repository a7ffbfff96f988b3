/* ELF images of kernels: what is to be loaded where. Parsing only. */
#ifndef MORTISE_HW_BOOT_ELF_H
#define MORTISE_HW_BOOT_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BOOT_SEGMENTS_MAX 16

struct boot_segment {
    uint64_t at; /* physical address */
    uint64_t size;
    size_t file_offset, file_size; /* the rest of size is zero */
};

struct boot_elf {
    bool elf64;
    uint64_t entry;
    bool has_pvh; /* a PHYS32_ENTRY note of Xen's */
    uint32_t pvh_entry;
    unsigned segment_count;
    struct boot_segment segments[BOOT_SEGMENTS_MAX];
};

/* Whether the file begins like an ELF file. */
bool boot_elf_is(const uint8_t *file, size_t len);

/* An x86 executable whose segments lie within the file and below 4 GiB and do not
 * wrap. -ENOEXEC with a sentence otherwise. */
NODISCARD int boot_elf_parse(const uint8_t *file, size_t len, const char *path,
                             struct boot_elf *out, struct error *err);

/* A multiboot (version 1) header in the first 8 KiB. False: there is none. With
 * `addresses`, the header itself says what is to be loaded, as one segment. */
struct boot_multiboot {
    uint32_t flags;
    bool addresses;
    struct boot_segment segment;
    uint32_t entry;
};
NODISCARD int boot_multiboot_parse(const uint8_t *file, size_t len, const char *path, bool *found,
                                   struct boot_multiboot *out, struct error *err);

#endif
