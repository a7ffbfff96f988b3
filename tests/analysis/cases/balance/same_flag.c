/* Locked and unlocked on the same flag: right, as long as nobody changes the
 * flag in between. */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

struct stream {
    pthread_mutex_t lock;
    bool threaded IMMUTABLE;
    long position;
};

long stream_seek(struct stream *stream, long position, bool need_lock);

long stream_seek(struct stream *stream, long position, bool need_lock)
{
    long before;

    if (need_lock) {
        pthread_mutex_lock(&stream->lock); /* expect-note: balance */
    }
    before = stream->position;
    if (position >= 0) {
        stream->position = position;
    }
#ifdef FAULTY
    else {
        need_lock = false;
    }
#endif
    if (need_lock) {
        pthread_mutex_unlock(&stream->lock);
    }
    return before; /* expect: balance */
}
