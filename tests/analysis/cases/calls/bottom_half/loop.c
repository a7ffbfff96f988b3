#include <stddef.h>

#include "loop.h"

void loop_init_bottom_half(struct bottom_half *bh, void (*run)(void *opaque), void *opaque)
{
    bh->run = run;
    bh->opaque = opaque;
}

void loop_schedule(struct loop *loop, struct bottom_half *bh)
{
    pthread_mutex_lock(&loop->lock); /* expect-note: lock-order */
    bh->next = loop->head;
    loop->head = bh;
    pthread_mutex_unlock(&loop->lock);
}

void loop_run(struct loop *loop)
{
    struct bottom_half *bh;

    pthread_mutex_lock(&loop->lock); /* expect-note: lock-order */
    while ((bh = loop->head) != NULL) {
        loop->head = bh->next;
#ifdef FAULTY
        bh->run(bh->opaque); /* expect-any: lock-order */
#else
        pthread_mutex_unlock(&loop->lock);
        bh->run(bh->opaque);
        pthread_mutex_lock(&loop->lock);
#endif
    }
    pthread_mutex_unlock(&loop->lock);
}
