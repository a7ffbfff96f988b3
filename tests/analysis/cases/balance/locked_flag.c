/* Cleanup asks a flag whether the lock was taken. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "contracts.h"

struct archive {
    pthread_mutex_t lock;
    size_t files GUARDED_BY(lock);
};

int archive_add(struct archive *archive, size_t size);

int archive_add(struct archive *archive, size_t size)
{
    bool locked = false;
    char *buffer = NULL;
    int result = -EINVAL;

    if (size == 0) {
        goto out;
    }
    buffer = malloc(size);
    if (buffer == NULL) {
        result = -ENOMEM;
        goto out;
    }
    pthread_mutex_lock(&archive->lock); /* expect-note: balance */
#ifndef FAULTY
    locked = true;
#endif
    if (archive->files == 1000) {
        result = -ENOSPC;
        goto out;
    }
    archive->files++;
#ifdef FAULTY
    locked = true;
#endif
    result = 0;
out:
    if (locked) {
        pthread_mutex_unlock(&archive->lock);
    }
    free(buffer);
    return result; /* expect: balance */
}
