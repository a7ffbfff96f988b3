/* Direct boot of a Linux kernel (the kernel's Documentation/x86/boot.rst):
 * parsing of a bzImage is separate from placing it, so that it can be fuzzed. */
#ifndef MORTISE_HW_BOOT_LINUX_H
#define MORTISE_HW_BOOT_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define BOOT_LINUX_HEADER_AT  0x1f1
#define BOOT_LINUX_HEADER_END 0x290

/* What a bzImage says of itself, validated against the file's length. */
struct boot_linux_image {
    size_t setup_size;  /* bytes before the protected-mode part */
    size_t header_size; /* bytes of the setup header, from BOOT_LINUX_HEADER_AT on */
    size_t kernel_size; /* bytes of the protected-mode part */
    uint16_t version;
    uint64_t load_at;     /* physical address it wants */
    uint64_t init_size;   /* memory it needs from there on */
    uint64_t initrd_max;  /* last byte that an initrd may have */
    uint32_t cmdline_max; /* longest command line, without its end */
    bool long_mode;       /* has a 64-bit entry, 0x200 behind the beginning */
};

/* -ENOEXEC with a sentence if it is no bzImage that can be booted (2.04 or later,
 * loaded high). */
NODISCARD int boot_linux_parse(const uint8_t *file, size_t len, const char *path,
                               struct boot_linux_image *out, struct error *err);

#endif
