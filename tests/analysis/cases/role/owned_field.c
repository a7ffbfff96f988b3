/* A field that belongs to one role is written on a thread of another, in a
 * function without any annotation of its own. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct sound_card {
    int volume OWNED_BY("mixer");
    int requested;
};

void *mixer_main(void *opaque) THREAD_ENTRY("mixer");
void *control_main(void *opaque) THREAD_ENTRY("control");
int sound_start(struct sound_card *card);

static void set_volume(struct sound_card *card, int volume)
{
    card->volume = volume; /* expect: thread-role */
}

void *mixer_main(void *opaque)
{
    set_volume(opaque, 50);
    return NULL;
}

void *control_main(void *opaque)
{
#ifdef FAULTY
    set_volume(opaque, 80); /* expect-note: thread-role */
#else
    (void)opaque;
#endif
    return NULL;
}

int sound_start(struct sound_card *card)
{
    pthread_t threads[2];

    if (pthread_create(&threads[0], NULL, mixer_main, card) != 0) {
        return -1;
    }
    return pthread_create(&threads[1], NULL, control_main, card);
}
