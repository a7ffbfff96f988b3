/* Page locks: each guards what is kept about one guest page, above all the
 * list of its TBs. They live in a hashed array, so two pages may share one.
 * A thread that needs two takes both in one call; the array is taken in
 * ascending order, which is what keeps two such threads from deadlock. The
 * analysis does not tell one page from another: it knows "a page lock". */
#ifndef MORTISE_LOCKS_PAGE_LOCK_H
#define MORTISE_LOCKS_PAGE_LOCK_H

#include <stdint.h>

#include "locks/mmap_lock.h"

struct CAPABILITY("page_lock") page_lock_capability {
    char unused;
};
extern struct page_lock_capability page_lock_cap ACQUIRED_AFTER(mmap_lock_cap);

#define page_lock(page)        page_lock_at((page), LOCK_SITE)
#define page_unlock(page)      page_unlock_at((page), LOCK_SITE)
#define page_lock_pair(a, b)   page_lock_pair_at((a), (b), LOCK_SITE)
#define page_unlock_pair(a, b) page_unlock_pair_at((a), (b), LOCK_SITE)

/* page, a, b: numbers of pages (address >> 12). */
void page_lock_at(uint64_t page, const char *site) ACQUIRE(page_lock_cap);
void page_unlock_at(uint64_t page, const char *site) RELEASE(page_lock_cap);

/* Both pages', in the right order, once if they share a lock. */
void page_lock_pair_at(uint64_t a, uint64_t b, const char *site) ACQUIRE(page_lock_cap);
void page_unlock_pair_at(uint64_t a, uint64_t b, const char *site) RELEASE(page_lock_cap);

#endif
