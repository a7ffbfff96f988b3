/* The same total work by the number of threads that the second argument
 * says: integer arithmetic on memory of their own, and now and then an
 * atomic addition and a mutex that all share. Each step waits for the one
 * before it, so that a thread leaves most of its core's units idle: two
 * virtual processors are often the two halves of one core, and what is
 * asked here is what the emulator costs a second thread, not what the host
 * lacks. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "kernel.h"

#define MAX_THREADS 64
#define CELLS       2048
#define CHUNK       20000

static atomic_uint shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t guarded;
static long chunks;
static atomic_long next_chunk;

static void *work(void *unused)
{
    uint32_t cells[CELLS];
    (void)unused;
    for (long chunk; (chunk = atomic_fetch_add(&next_chunk, 1)) < chunks;) {
        uint32_t random = (uint32_t)chunk;
        for (size_t i = 0; i < CELLS; i++)
            cells[i] = (uint32_t)i;
        for (int i = 0; i < CHUNK; i++) {
            uint32_t *cell = &cells[kernel_random(&random) % CELLS];
            *cell = kernel_mix(*cell, random);
            random ^= *cell;
            if (i % 256 == 0)
                atomic_fetch_add(&shared, *cell);
        }
        pthread_mutex_lock(&lock);
        guarded += cells[17];
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    long count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    pthread_t threads[MAX_THREADS];
    if (count < 1 || count > MAX_THREADS)
        return 2;
    chunks = kernel_work(argc, argv, 20000);
    for (long i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, NULL))
            return 2;
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return kernel_done(guarded + atomic_load(&shared));
}
