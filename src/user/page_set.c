/* Open addressing with linear probing; removal moves later entries of the
 * cluster back, so there are no tombstones. At most half full. */
#include "user/page_set.h"

#include <stdio.h>
#include <stdlib.h>

static size_t home(const struct page_set *set, uint64_t page)
{
    return (size_t)(((page >> 12) * 0x9e3779b97f4a7c15UL) >> 20) & (set->room - 1);
}

/* The slot that holds the page, or the empty one where it would go. */
static size_t slot_of(const struct page_set *set, uint64_t page)
{
    size_t i = home(set, page);
    while (set->slots[i] != 0 && set->slots[i] != (page | 1)) {
        i = (i + 1) & (set->room - 1);
    }
    return i;
}

bool page_set_has(const struct page_set *set, uint64_t page)
{
    return set->count > 0 && set->slots[slot_of(set, page)] != 0;
}

static void grow(struct page_set *set)
{
    struct page_set bigger = {.room = set->room ? 2 * set->room : 64, .count = set->count};
    bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
    if (!bigger.slots) {
        fputs("mortise: out of memory for the set of protected pages\n", stderr);
        abort();
    }
    for (size_t i = 0; i < set->room; i++) {
        if (set->slots[i] != 0) {
            bigger.slots[slot_of(&bigger, set->slots[i] & ~1UL)] = set->slots[i];
        }
    }
    free(set->slots);
    *set = bigger;
}

bool page_set_add(struct page_set *set, uint64_t page)
{
    if (2 * (set->count + 1) > set->room) {
        grow(set);
    }
    size_t i = slot_of(set, page);
    if (set->slots[i] != 0) {
        return false;
    }
    set->slots[i] = page | 1;
    set->count++;
    return true;
}

bool page_set_remove(struct page_set *set, uint64_t page)
{
    if (!page_set_has(set, page)) {
        return false;
    }
    size_t mask = set->room - 1;
    size_t hole = slot_of(set, page);
    for (size_t i = (hole + 1) & mask; set->slots[i] != 0; i = (i + 1) & mask) {
        size_t h = home(set, set->slots[i] & ~1UL);
        if (((i - h) & mask) >= ((i - hole) & mask)) {
            set->slots[hole] = set->slots[i];
            hole = i;
        }
    }
    set->slots[hole] = 0;
    set->count--;
    return true;
}

uint64_t page_set_next(const struct page_set *set, size_t *cursor)
{
    while (*cursor < set->room) {
        uint64_t slot = set->slots[(*cursor)++];
        if (slot != 0) {
            return slot & ~1UL;
        }
    }
    return 0;
}

void page_set_free(struct page_set *set)
{
    free(set->slots);
    *set = (struct page_set){0};
}
