/* The sorted set of guest mappings: an array of pointers, searched by
 * bisection. Ranges never overlap and never touch a neighbour that they
 * could be merged with. Memory for it is small and not the guest's to
 * exhaust: when it can't be had, the process ends. */
#include "user/vma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (!p) {
        fputs("mortise: out of memory for the list of guest mappings\n", stderr);
        abort();
    }
    return p;
}

void vma_set_free(struct vma_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->v[i]);
    }
    free(set->v);
    *set = (struct vma_set){0};
}

size_t vma_index(const struct vma_set *set, uint64_t addr)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (set->v[mid]->end > addr) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

struct vma *vma_find(const struct vma_set *set, uint64_t addr)
{
    size_t i = vma_index(set, addr);
    return i < set->count && set->v[i]->start <= addr ? set->v[i] : NULL;
}

bool vma_covers(const struct vma_set *set, uint64_t start, uint64_t end)
{
    for (size_t i = vma_index(set, start); start < end; i++) {
        if (i == set->count || set->v[i]->start > start) {
            return false;
        }
        start = set->v[i]->end;
    }
    return true;
}

bool vma_overlaps(const struct vma_set *set, uint64_t start, uint64_t end)
{
    size_t i = vma_index(set, start);
    return i < set->count && set->v[i]->start < end;
}

static void add_at(struct vma_set *set, size_t i, const struct vma *range)
{
    if (set->count == set->room) {
        set->room = set->room ? 2 * set->room : 64;
        set->v = must(realloc(set->v, set->room * sizeof(*set->v)));
    }
    memmove(set->v + i + 1, set->v + i, (set->count - i) * sizeof(*set->v));
    struct vma *copy = must(malloc(sizeof(*copy)));
    *copy = *range;
    set->v[i] = copy;
    set->count++;
}

static void drop(struct vma_set *set, size_t from, size_t to)
{
    if (from == to) {
        return;
    }
    for (size_t i = from; i < to; i++) {
        free(set->v[i]);
    }
    memmove(set->v + from, set->v + to, (set->count - to) * sizeof(*set->v));
    set->count -= to - from;
}

static void move_start(struct vma *vma, uint64_t start)
{
    if (vma->ino) {
        vma->offset += start - vma->start;
    }
    vma->start = start;
}

static void split_at(struct vma_set *set, uint64_t addr)
{
    size_t i = vma_index(set, addr);
    if (i == set->count || set->v[i]->start >= addr) {
        return;
    }
    struct vma upper = *set->v[i];
    move_start(&upper, addr);
    set->v[i]->end = addr;
    add_at(set, i + 1, &upper);
}

void vma_split(struct vma_set *set, uint64_t start, uint64_t end)
{
    split_at(set, start);
    split_at(set, end);
}

static bool mergeable(const struct vma *a, const struct vma *b)
{
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags && a->dev == b->dev &&
           a->ino == b->ino && a->kind == b->kind && a->code == b->code && a->image == b->image &&
           (!a->ino || vma_offset_of(a, a->end) == b->offset);
}

/* Merges range i with its upper neighbour, if they belong together. */
static void merge_up(struct vma_set *set, size_t i)
{
    if (i + 1 < set->count && mergeable(set->v[i], set->v[i + 1])) {
        set->v[i]->end = set->v[i + 1]->end;
        drop(set, i + 1, i + 2);
    }
}

static void merge_between(struct vma_set *set, uint64_t start, uint64_t end)
{
    size_t i = vma_index(set, start ? start - 1 : 0);
    while (i < set->count && set->v[i]->start <= end) {
        size_t before = set->count;
        merge_up(set, i);
        if (set->count == before) {
            i++;
        }
    }
}

void vma_remove(struct vma_set *set, uint64_t start, uint64_t end)
{
    if (start >= end) {
        return;
    }
    vma_split(set, start, end);
    size_t from = vma_index(set, start), to = from;
    while (to < set->count && set->v[to]->start < end) {
        to++;
    }
    drop(set, from, to);
}

void vma_insert(struct vma_set *set, const struct vma *range)
{
    if (range->start >= range->end) {
        return;
    }
    vma_remove(set, range->start, range->end);
    size_t i = vma_index(set, range->start);
    add_at(set, i, range);
    merge_up(set, i);
    if (i > 0) {
        merge_up(set, i - 1);
    }
}

void vma_set_prot(struct vma_set *set, uint64_t start, uint64_t end, uint32_t prot)
{
    vma_split(set, start, end);
    for (size_t i = vma_index(set, start); i < set->count && set->v[i]->start < end; i++) {
        set->v[i]->prot = prot;
    }
    merge_between(set, start, end);
}

uint64_t vma_gap_from_top(const struct vma_set *set, uint64_t low, uint64_t high, uint64_t size,
                          uint64_t align)
{
    size_t i = vma_index(set, high);
    if (i < set->count && set->v[i]->start < high) {
        high = set->v[i]->start;
    }
    for (;;) {
        uint64_t floor = i > 0 && set->v[i - 1]->end > low ? set->v[i - 1]->end : low;
        if (high > floor && high - floor >= size) {
            uint64_t addr = (high - size) & ~(align - 1);
            if (addr >= floor && addr) {
                return addr;
            }
        }
        if (i == 0 || set->v[i - 1]->end <= low) {
            return 0;
        }
        high = set->v[--i]->start;
    }
}
