/* A set of page addresses: open addressing, multiplicative hashing. Plain
 * data; whoever has one says what guards it. */
#ifndef MORTISE_USER_PAGE_SET_H
#define MORTISE_USER_PAGE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"

struct OWNED_BY(who owns the set) page_set {
    uint64_t *slots; /* page addresses with bit 0 set; 0: empty */
    size_t room;     /* a power of two, or 0 */
    size_t count;
};

bool page_set_has(const struct page_set *set, uint64_t page);

/* Returns false if it was in already. */
bool page_set_add(struct page_set *set, uint64_t page);

/* Returns false if it was not in. */
bool page_set_remove(struct page_set *set, uint64_t page);

/* The first page found at or after slot *cursor, which moves behind it; 0 at
 * the end. The set must not change meanwhile. */
uint64_t page_set_next(const struct page_set *set, size_t *cursor);

void page_set_free(struct page_set *set);

#endif
