/* The ACPI tables of a machine (ACPI 6.4, chapter 5): how many CPUs, which
 * interrupt controllers, where power management is, and the DSDT compiled from
 * dsdt_*.asl. One image serves direct boot, which puts it at a fixed address, and
 * firmware, which places and links it by itself. */
#ifndef MORTISE_HW_ACPI_TABLES_H
#define MORTISE_HW_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "hw/machine.h"

/* Where direct boot finds them: ROM from 0xe0000 on, the RSDP first. */
#define ACPI_ROM_AT   0xe0000
#define ACPI_ROM_SIZE 0x20000
#define ACPI_RSDP_AT  ACPI_ROM_AT

#define ACPI_FIXUPS_MAX 24
#define ACPI_SUMS_MAX   12

struct acpi_image {
    uint8_t data[16384];
    size_t len;
    /* Pointers within the image: `size` bytes at `at` hold the offset of their
     * target, to which the image's address is added. */
    struct acpi_fixup {
        uint32_t at, size;
    } fixups[ACPI_FIXUPS_MAX];
    unsigned fixup_count;
    /* The byte at `at` makes the bytes [start, start + len) add up to 0. */
    struct acpi_sum {
        uint32_t at, start, len;
    } sums[ACPI_SUMS_MAX];
    unsigned sum_count;
};

/* Where the machine's chipset has what tables tell of. */
struct acpi_platform {
    uint16_t pm_base; /* event block; control + 4, timer + 8 */
    uint16_t gpe_base;
    uint8_t gpe_bytes;
    uint16_t smi_cmd;
    uint8_t acpi_enable, acpi_disable;
    uint64_t ecam_at, ecam_size; /* configuration space in memory; size 0: it is not there */
};

/* Builds the tables of `m`; the RSDP is at offset 0. */
NODISCARD int acpi_build(struct acpi_image *image, const struct machine *m,
                         const struct acpi_platform *platform, struct error *err);

/* Applies the fixups for an image at `base`, then the sums. */
void acpi_relocate(struct acpi_image *image, uint64_t base);

#endif
