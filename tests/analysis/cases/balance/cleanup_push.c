/* pthread_cleanup_push for cancellation; pop(0) takes the handler off without
 * calling it. */
#include <pthread.h>
#include <unistd.h>

#include "contracts.h"

struct tape {
    pthread_mutex_t lock;
    long position GUARDED_BY(lock);
};

long tape_copy(struct tape *tape, int from, int to);

static void unlock_tape(void *opaque)
{
    struct tape *tape = opaque;

    pthread_mutex_unlock(&tape->lock);
}

static long tape_read(struct tape *tape, int fd, char *to, size_t size)
{
    long result;

    pthread_mutex_lock(&tape->lock); /* expect-note: balance */
    pthread_cleanup_push(unlock_tape, tape);
    result = read(fd, to, size);
    if (result > 0) {
        tape->position += result;
    }
#ifdef FAULTY
    pthread_cleanup_pop(0);
#else
    pthread_cleanup_pop(1);
#endif
    return result; /* expect: balance */
}

long tape_copy(struct tape *tape, int from, int to)
{
    char bytes[512];
    long size = tape_read(tape, from, bytes, sizeof(bytes));

    return size > 0 ? write(to, bytes, (size_t)size) : size;
}
