#include "../mixer.h"

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static int samples GUARDED_BY(queue_lock);

static void push(int count)
{
    pthread_mutex_lock(&queue_lock); /* expect-note: lock-order */
    samples += count;
    pthread_mutex_unlock(&queue_lock);
}

void audio_push(void)
{
    push(512);
}

void audio_sync(void)
{
    pthread_mutex_lock(&queue_lock); /* expect-note: lock-order */
    samples = 0;
    video_push(); /* expect-any: lock-order */
    pthread_mutex_unlock(&queue_lock);
}
