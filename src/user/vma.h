/* What the guest has mapped: a sorted set of address ranges that do not
 * overlap. The host's page tables can't answer for the guest: code is
 * mapped without PROT_EXEC, pages with translations without PROT_WRITE, and
 * the emulator's own memory lies in between.
 *
 * The set is plain data; `guest_vmas` (mm.h) is the one of this process. */
#ifndef MORTISE_USER_VMA_H
#define MORTISE_USER_VMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"

enum vma_kind {
    VMA_NORMAL,
    VMA_STACK, /* the first thread's */
    VMA_HEAP,  /* what brk grows */
    VMA_VDSO,  /* the host's, lent to the guest */
    VMA_SHM,   /* System V shared memory: ino is the id */
};

struct OWNED_BY(who owns its set) vma {
    uint64_t start, end;
    uint32_t prot;     /* PROT_*, as the guest asked */
    uint32_t flags;    /* MAP_SHARED or MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE, MAP_LOCKED */
    uint64_t dev, ino; /* what is mapped, 0: nobody else can map the same */
    uint64_t offset;   /* in the file, of `start` */
    uint8_t kind;      /* enum vma_kind */
    bool code;         /* something was translated from here */
    bool image;        /* part of the program or its interpreter */
};

struct OWNED_BY(who owns the set) vma_set {
    struct vma **v; /* ascending */
    size_t count, room;
};

void vma_set_free(struct vma_set *set);

/* The range that contains addr, or NULL. */
struct vma *vma_find(const struct vma_set *set, uint64_t addr);

/* Index of the first range that ends above addr; set->count if none does. */
size_t vma_index(const struct vma_set *set, uint64_t addr);

/* Whether every byte of [start, end) is in a range. */
bool vma_covers(const struct vma_set *set, uint64_t start, uint64_t end);

/* Whether any byte of [start, end) is in a range. */
bool vma_overlaps(const struct vma_set *set, uint64_t start, uint64_t end);

/* Puts a range in, in the place of whatever was there. A range that goes on
 * where its neighbour ends is merged with it. */
void vma_insert(struct vma_set *set, const struct vma *range);

void vma_remove(struct vma_set *set, uint64_t start, uint64_t end);

/* Changes the protection of what is mapped in [start, end). */
void vma_set_prot(struct vma_set *set, uint64_t start, uint64_t end, uint32_t prot);

/* Makes range boundaries at start and end, so that what lies between them
 * can be changed range by range. */
void vma_split(struct vma_set *set, uint64_t start, uint64_t end);

/* The highest address at which `size` bytes fit without touching a range
 * within [low, high), or 0. `align` is a power of two. */
uint64_t vma_gap_from_top(const struct vma_set *set, uint64_t low, uint64_t high, uint64_t size,
                          uint64_t align);

/* The file offset that `addr` maps. */
static inline uint64_t vma_offset_of(const struct vma *vma, uint64_t addr)
{
    return vma->offset + (addr - vma->start);
}

#endif
