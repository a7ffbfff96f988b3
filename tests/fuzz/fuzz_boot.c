/* The parsers of direct boot on hostile kernels. What they accept must lie within
 * the file and below 4 GiB. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw/boot_elf.h"
#include "hw/boot_linux.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_segment(const struct boot_segment *s, size_t size)
{
    REQUIRE(s->file_offset <= size && s->file_size <= size - s->file_offset);
    REQUIRE(s->file_size <= s->size);
    REQUIRE(s->size <= 1UL << 32 && s->at <= (1UL << 32) - s->size);
}

static void check_linux(const struct boot_linux_image *i, size_t size)
{
    REQUIRE(i->setup_size < size && i->kernel_size == size - i->setup_size);
    REQUIRE(BOOT_LINUX_HEADER_AT + i->header_size <= BOOT_LINUX_HEADER_END);
    REQUIRE(i->load_at >= 0x100000 && i->load_at < 1UL << 32);
    REQUIRE(i->init_size >= i->kernel_size && i->cmdline_max < 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct boot_linux_image image;
    struct boot_elf elf;
    struct boot_multiboot multiboot;
    bool found = false;
    struct error err = {.text = ""};
    if (boot_linux_parse(data, size, "k", &image, &err) == 0) {
        check_linux(&image, size);
    }
    if (boot_elf_parse(data, size, "k", &elf, &err) == 0) {
        REQUIRE(elf.segment_count > 0 && elf.segment_count <= BOOT_SEGMENTS_MAX);
        for (unsigned i = 0; i < elf.segment_count; i++) {
            check_segment(&elf.segments[i], size);
        }
    }
    if (boot_multiboot_parse(data, size, "k", &found, &multiboot, &err) == 0 && found &&
        multiboot.addresses) {
        check_segment(&multiboot.segment, size);
    }
    return 0;
}
