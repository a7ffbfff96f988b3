#include "../mixer.h"

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static int frames GUARDED_BY(queue_lock);

static void push(int count)
{
    pthread_mutex_lock(&queue_lock); /* expect-note: lock-order */
    frames += count;
    pthread_mutex_unlock(&queue_lock);
}

void video_push(void)
{
    push(1);
}

void video_sync(void)
{
    pthread_mutex_lock(&queue_lock); /* expect-note: lock-order */
    frames = 0;
#ifdef FAULTY
    audio_push(); /* expect-any: lock-order */
    pthread_mutex_unlock(&queue_lock);
#else
    pthread_mutex_unlock(&queue_lock);
    audio_push();
#endif
}
