/* An ordinary mutex of which the project says that nothing may block under
 * it: the audio thread waits for it. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "contracts.h"

struct voice {
    pthread_mutex_t lock NONBLOCKING_LOCK;
    int playing GUARDED_BY(lock);
    int fd IMMUTABLE;
};

void voice_stop(struct voice *voice);

void voice_stop(struct voice *voice)
{
    pthread_mutex_lock(&voice->lock); /* expect-note: blocking */
    voice->playing = 0;
#ifdef FAULTY
    fsync(voice->fd); /* expect: blocking */
    pthread_mutex_unlock(&voice->lock);
#else
    pthread_mutex_unlock(&voice->lock);
    fsync(voice->fd);
#endif
}
