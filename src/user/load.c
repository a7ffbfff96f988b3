/* Mapping of ELF segments, as the kernel does it: the whole span is taken
 * first so that nothing gets in between, then each segment goes over its
 * part of it, and the holes are given back. */
#include "user/load.h"

#include <errno.h>
#include <string.h>

#include "user/copy.h"

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static int map_failed(int64_t rc, uint64_t addr, uint64_t size, struct error *err)
{
    return error_set(err, (int)-rc, "0x%llx bytes can't be mapped at 0x%llx: %s",
                     (unsigned long long)size, (unsigned long long)addr, error_text((int)-rc));
}

/* Takes the image's span; returns its lowest address or -errno. */
static int64_t take_span(const struct elf_image *image, uint64_t where) REQUIRES(mmap_lock_cap)
{
    uint64_t size = image->high - image->low;
    struct mm_request r = {.addr = image->low,
                           .size = size,
                           .prot = PROT_NONE,
                           .flags = ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
                           .fd = -1,
                           .image = true};
    if (!image->position_independent) {
        return mm_map(&r);
    }
    /* The lowest segment keeps its place within the alignment. */
    uint64_t skew = image->low & (image->align - 1);
    if (where) {
        r.addr = ((where + image->align - 1) & ~(image->align - 1)) + skew;
        int64_t at = mm_map(&r);
        if (at >= 0) {
            return at;
        }
    }
    r.addr = 0;
    r.flags = ANONYMOUS | MAP_NORESERVE;
    if (image->align <= GUEST_PAGE_SIZE) {
        return mm_map(&r);
    }
    r.size = size + 2 * image->align;
    int64_t wide = mm_map(&r);
    if (wide < 0) {
        return wide;
    }
    uint64_t at = (((uint64_t)wide + image->align - 1) & ~(image->align - 1)) + skew;
    (void)mm_unmap((uint64_t)wide, at);
    (void)mm_unmap(at + size, (uint64_t)wide + r.size);
    return (int64_t)at;
}

static int map_file_part(int fd, const struct elf_segment *s, uint64_t bias, struct error *err)
    REQUIRES(mmap_lock_cap)
{
    uint64_t start = PAGE_DOWN(s->vaddr);
    struct mm_request r = {.addr = start + bias,
                           .size = PAGE_UP(s->vaddr + s->filesz) - start,
                           .prot = (uint32_t)s->prot,
                           .flags = MAP_PRIVATE | MAP_FIXED,
                           .fd = fd,
                           .offset = PAGE_DOWN(s->offset),
                           .image = true};
    int64_t rc = mm_map(&r);
    return rc < 0 ? map_failed(rc, r.addr, r.size, err) : 0;
}

/* The part of a segment that the file does not hold is zero: the rest of the
 * file's last page, and fresh pages after it. */
static int map_zero_part(const struct elf_segment *s, uint64_t bias, struct error *err)
    REQUIRES(mmap_lock_cap)
{
    static const char zeros[GUEST_PAGE_SIZE];
    uint64_t file_end = s->vaddr + s->filesz + bias;
    uint64_t end = PAGE_UP(s->vaddr + s->memsz + bias);
    uint64_t fresh = s->filesz ? PAGE_UP(file_end) : PAGE_DOWN(file_end);
    if (s->filesz && (s->prot & PROT_WRITE) && fresh > file_end) {
        if (guest_write(file_end, zeros, fresh - file_end) < 0) {
            return error_set(err, EFAULT, "the file has become shorter while it was loaded");
        }
    }
    if (end <= fresh) {
        return 0;
    }
    struct mm_request r = {.addr = fresh,
                           .size = end - fresh,
                           .prot = (uint32_t)s->prot,
                           .flags = ANONYMOUS | MAP_FIXED,
                           .fd = -1,
                           .image = true};
    int64_t rc = mm_map(&r);
    return rc < 0 ? map_failed(rc, r.addr, r.size, err) : 0;
}

int elf_load(int fd, const struct elf_image *image, uint64_t where, struct loaded_image *out,
             struct error *err)
{
    int64_t at = take_span(image, where);
    if (at < 0) {
        return map_failed(at == -EEXIST || at == -EPERM ? -ENOMEM : at, image->low,
                          image->high - image->low, err);
    }
    uint64_t bias = (uint64_t)at - image->low;
    uint64_t done = (uint64_t)at;
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        uint64_t start = PAGE_DOWN(s->vaddr) + bias;
        if (start > done) {
            (void)mm_unmap(done, start);
        }
        done = PAGE_UP(s->vaddr + s->memsz) + bias;
        int rc = s->filesz ? map_file_part(fd, s, bias, err) : 0;
        if (rc == 0 && s->memsz > s->filesz) {
            rc = map_zero_part(s, bias, err);
        }
        if (rc < 0) {
            return rc;
        }
    }
    *out = (struct loaded_image){.bias = bias,
                                 .entry = image->entry + bias,
                                 .phdr = image->phdr_vaddr ? image->phdr_vaddr + bias : 0,
                                 .low = image->low + bias,
                                 .high = image->high + bias};
    return 0;
}
