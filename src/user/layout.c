/* Where the parts of the address space go. Generated code reaches what it
 * was translated from by 32-bit displacements, so the code cache, the
 * program and its libraries want to lie within 2 GiB of each other:
 *
 *   position-independent: | libraries, downwards <- | cache | gap | program | heap -> |
 *                          0x551000000000 is where the cache starts
 *   fixed, low:           | program at 0x400000 | heap -> | cache 0x70000000 | libraries |
 *
 * Nothing depends on it but speed: where a place is taken, another is. */
#include "user/mm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW      0x551000000000UL
#define REACH       (1900UL << 20)
#define PROGRAM_GAP (16UL << 20)
#define LOW_CACHE   0x70000000UL
#define LOW_FILES   0x78000000UL
#define LOW_END     0xe0000000UL

struct mm_layout mm_layout;

static bool is_free(uint64_t start, uint64_t size)
{
    void *at = mmap((void *)start, size, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED) {
        return false;
    }
    munmap(at, size);
    return (uint64_t)at == start;
}

static void plan_around(uint64_t cache, size_t cache_size)
{
    mm_layout.cache = cache;
    mm_layout.files_high = cache;
    mm_layout.files_low = cache + cache_size > REACH ? cache + cache_size - REACH : 0;
    mm_layout.program = PAGE_UP(cache + cache_size) + PROGRAM_GAP;
}

/* A program that says itself where it wants to be. */
static void plan_fixed(const struct elf_image *image, size_t cache_size)
{
    if (image->high <= LOW_CACHE && cache_size <= LOW_FILES - LOW_CACHE &&
        is_free(LOW_CACHE, cache_size)) {
        mm_layout.cache = LOW_CACHE;
        mm_layout.files_low = LOW_FILES;
        mm_layout.files_high = LOW_END;
        return;
    }
    /* Below the program, with room for files below that; or above it. */
    uint64_t below = image->low - PROGRAM_GAP - cache_size;
    if (image->low > REACH && is_free(PAGE_DOWN(below), cache_size)) {
        plan_around(PAGE_DOWN(below), cache_size);
        return;
    }
    uint64_t above = image->high + (REACH / 2);
    if (above + cache_size < ELF_ADDRESS_LIMIT && is_free(above, cache_size)) {
        plan_around(above, cache_size);
        return;
    }
    mm_layout = (struct mm_layout){0};
}

void mm_plan(const struct elf_image *image, size_t cache_size)
{
    cache_size = PAGE_UP(cache_size);
    if (!image->position_independent) {
        plan_fixed(image, cache_size);
    } else if (is_free(WINDOW, cache_size)) {
        plan_around(WINDOW, cache_size);
    }
}

/* Lists the host's [vdso] and [vvar*] mappings: they are made by the kernel
 * for each process and the guest may call into them like any program. */
uint64_t mm_adopt_vdso(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;
    uint64_t vdso = 0;
    while (maps && getline(&line, &room, maps) > 0) {
        unsigned long start, end;
        char perms[5], name[32];
        /* NOLINTNEXTLINE(cert-err34-c): numbers by the kernel fit */
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %31s", &start, &end, perms, name) != 4) {
            continue;
        }
        bool code = strcmp(name, "[vdso]") == 0;
        if (!code && strncmp(name, "[vvar", 5) != 0) {
            continue;
        }
        vma_insert(&guest_vmas, &(struct vma){.start = start,
                                              .end = end,
                                              .prot = code ? PROT_READ | PROT_EXEC : PROT_READ,
                                              .flags = MAP_PRIVATE | MAP_ANONYMOUS,
                                              .kind = VMA_VDSO});
        vdso = code ? start : vdso;
    }
    free(line);
    if (maps) {
        (void)fclose(maps);
    }
    return vdso;
}
