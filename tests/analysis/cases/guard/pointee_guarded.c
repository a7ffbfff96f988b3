/* The buffer is reached by a pointer that never changes; its contents need
 * the lock. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct ring {
    pthread_mutex_t lock;
    size_t size IMMUTABLE;
    unsigned char *bytes IMMUTABLE PT_GUARDED_BY(lock);
};

void ring_put(struct ring *ring, size_t at, unsigned char byte);

void ring_put(struct ring *ring, size_t at, unsigned char byte)
{
#ifdef FAULTY
    ring->bytes[at % ring->size] = byte; /* expect: missing-guard */
#else
    pthread_mutex_lock(&ring->lock);
    ring->bytes[at % ring->size] = byte;
    pthread_mutex_unlock(&ring->lock);
#endif
}
