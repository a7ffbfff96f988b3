/* The ELF reader on hostile files. What it accepts must keep the promises
 * of user/elf.h: everything in bounds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/elf.h"

struct file {
    const uint8_t *data;
    size_t size;
};

static int64_t read_file(void *opaque, uint64_t offset, void *buf, size_t n)
{
    const struct file *f = opaque;
    if (offset >= f->size) {
        return 0;
    }
    if (n > f->size - offset) {
        n = f->size - offset;
    }
    memcpy(buf, f->data + offset, n);
    return (int64_t)n;
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_segment(const struct elf_image *image, const struct elf_segment *s,
                          uint64_t file_size)
{
    REQUIRE(s->memsz <= ELF_ADDRESS_LIMIT && s->vaddr <= ELF_ADDRESS_LIMIT - s->memsz);
    REQUIRE(s->filesz <= s->memsz);
    REQUIRE(s->filesz <= file_size);
    REQUIRE(s->filesz == 0 || s->offset <= file_size - s->filesz);
    REQUIRE(image->low <= s->vaddr && s->vaddr + s->memsz <= image->high);
    REQUIRE((s->prot & ~7) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct file f = {data, size};
    struct elf_image image;
    struct error err = {""};
    memset(&image, 0xa5, sizeof(image));
    int r = elf_parse(read_file, &f, size, &image, &err);
    REQUIRE(r <= 0);
    if (r < 0) {
        REQUIRE(err.text[0] != '\0');
        return 0;
    }
    REQUIRE(image.segment_count > 0 && image.segment_count <= ELF_MAX_SEGMENTS);
    REQUIRE(image.low <= image.high && image.high <= ELF_ADDRESS_LIMIT);
    REQUIRE(image.low % 4096 == 0 && image.high % 4096 == 0);
    REQUIRE(image.align == 0 || (image.align & (image.align - 1)) == 0);
    for (size_t i = 0; i < image.segment_count; i++) {
        check_segment(&image, &image.segments[i], size);
    }
    if (image.has_interp) {
        REQUIRE(memchr(image.interp, 0, sizeof(image.interp)) != NULL);
    }
    return 0;
}
