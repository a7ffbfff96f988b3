/* The same with a flag in the object, tested at both ends. */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

struct allocator {
    bool threaded IMMUTABLE;
    bool debugging IMMUTABLE;
    pthread_mutex_t lock;
    unsigned long blocks;
};

void allocator_count(struct allocator *allocator);

void allocator_count(struct allocator *allocator)
{
    if (allocator->threaded) {
        pthread_mutex_lock(&allocator->lock); /* expect-note: balance */
    }
    allocator->blocks++;
#ifdef FAULTY
    if (allocator->debugging) {
#else
    if (allocator->threaded) {
#endif
        pthread_mutex_unlock(&allocator->lock); /* expect: double-release */
    }
} /* expect: balance */
