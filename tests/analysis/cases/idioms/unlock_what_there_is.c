/* A loop drops the lock of whoever runs it, if there is one, and takes it
 * again: its contract names a pointer that may be NULL. */
#include <pthread.h>
#include <unistd.h>

#include "contracts.h"

struct loop {
    pthread_mutex_t *outer IMMUTABLE;
    int fd;
};

int loop_sleep(struct loop *loop);

static void drop(struct loop *loop) RELEASE(loop -> outer) NO_THREAD_SAFETY_ANALYSIS;
static void retake(struct loop *loop) ACQUIRE(loop -> outer) NO_THREAD_SAFETY_ANALYSIS;

static void drop(struct loop *loop)
{
    if (loop->outer) {
#ifndef FAULTY
        pthread_mutex_unlock(loop->outer);
#endif
    }
} /* expect: balance */

static void retake(struct loop *loop)
{
    if (loop->outer) {
        pthread_mutex_lock(loop->outer);
    }
}

int loop_sleep(struct loop *loop)
{
    char byte;
    long got;

    drop(loop);
    got = read(loop->fd, &byte, 1);
    retake(loop);
    return got == 1 ? byte : -1;
}
