/* Optimistic allocation: drop the lock, allocate, take it again, and start
 * over if the world has changed. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

struct vector {
    pthread_mutex_t lock;
    size_t capacity GUARDED_BY(lock);
    size_t used GUARDED_BY(lock);
    void *memory GUARDED_BY(lock);
};

int vector_grow(struct vector *vector);

int vector_grow(struct vector *vector)
{
    size_t wanted;
    void *memory;

    pthread_mutex_lock(&vector->lock);
retry:
    if (vector->used < vector->capacity) {
        pthread_mutex_unlock(&vector->lock);
        return 0;
    }
    wanted = 2 * vector->capacity;
    pthread_mutex_unlock(&vector->lock);
    memory = calloc(wanted, 1);
    if (memory == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&vector->lock); /* expect-note: balance */
    if (vector->capacity >= wanted) {
        free(memory);
        goto retry;
    }
    free(vector->memory);
    vector->memory = memory;
    vector->capacity = wanted;
#ifndef FAULTY
    pthread_mutex_unlock(&vector->lock);
#endif
    return 0; /* expect: balance */
}
