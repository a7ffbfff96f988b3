/* The array of page locks. Neighbouring pages get different ones. */
#include "locks/page_lock.h"

#include <stddef.h>

#include "locks/internal.h"

LOCK_CLASS_DEFINE_FLAGS(page_lock_class, RANK_PAGE, LOCK_CLASS_NEST_ASCENDING);
struct page_lock_capability page_lock_cap;

/* One to a cache line: locks of different pages are meant not to meet. */
struct page_lock {
    _Alignas(64) struct mutex mutex;
};

#define PL   {.mutex = MUTEX_INIT(&page_lock_class)}
#define PL4  PL, PL, PL, PL
#define PL16 PL4, PL4, PL4, PL4
#define PL64 PL16, PL16, PL16, PL16
static struct page_lock locks[] KEYED_ASCENDING = {PL64, PL64, PL64, PL64};

#define COUNT (sizeof(locks) / sizeof(locks[0]))

static struct mutex *lock_of(uint64_t page)
{
    return &locks[page % COUNT].mutex;
}

void page_lock_at(uint64_t page, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock_at(lock_of(page), site);
}

void page_unlock_at(uint64_t page, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_unlock_at(lock_of(page), site);
}

void page_lock_pair_at(uint64_t a, uint64_t b, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    struct mutex *first = lock_of(a), *second = lock_of(b);

    if (first > second) {
        struct mutex *swap = first;

        first = second;
        second = swap;
    }
    mutex_lock_at(first, site);
    if (second != first) {
        mutex_lock_at(second, site);
    }
}

void page_unlock_pair_at(uint64_t a, uint64_t b, const char *site) NO_THREAD_SAFETY_ANALYSIS
{
    struct mutex *first = lock_of(a), *second = lock_of(b);

    mutex_unlock_at(first, site);
    if (second != first) {
        mutex_unlock_at(second, site);
    }
}

/* Ascending, as every pair is. lockdep has no room for so many, and sees the
 * first stand for all; the others are taken behind its back. */
void page_lock_all(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock(&locks[0].mutex);
    for (size_t i = 1; i < COUNT; i++) {
        mutex_lock_unwatched(&locks[i].mutex);
    }
}

void page_unlock_all(void) NO_THREAD_SAFETY_ANALYSIS
{
    for (size_t i = COUNT - 1; i > 0; i--) {
        mutex_unlock_unwatched(&locks[i].mutex);
    }
    mutex_unlock(&locks[0].mutex);
}
