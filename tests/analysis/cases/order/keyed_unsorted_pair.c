/* Two page locks by index: sorted first, or in whatever order the caller
 * names them. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define PAGE_LOCKS 64

static pthread_mutex_t page_locks[PAGE_LOCKS] KEYED_ASCENDING;

void page_copy(char *to, size_t to_page, const char *from, size_t from_page, size_t size);

void page_copy(char *to, size_t to_page, const char *from, size_t from_page, size_t size)
{
    size_t first = to_page;
    size_t last = from_page;

#ifndef FAULTY
    if (first > last) {
        first = from_page;
        last = to_page;
    }
#endif
    if (first == last) {
        return;
    }
    pthread_mutex_lock(&page_locks[first]); /* expect-note: key-order */
    pthread_mutex_lock(&page_locks[last]);  /* expect: key-order */
    for (size_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
    pthread_mutex_unlock(&page_locks[last]);
    pthread_mutex_unlock(&page_locks[first]);
}
