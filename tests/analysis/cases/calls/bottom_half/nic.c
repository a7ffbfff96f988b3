#include "loop.h"

struct nic {
    pthread_mutex_t lock;
    int queued GUARDED_BY(lock);
    struct loop *loop;
    struct bottom_half transmit;
};

static void transmit_bottom_half(void *opaque)
{
    struct nic *nic = opaque;

    pthread_mutex_lock(&nic->lock); /* expect-note: lock-order */
    nic->queued = 0;
    pthread_mutex_unlock(&nic->lock);
}

void nic_init(struct nic *nic, struct loop *loop)
{
    pthread_mutex_init(&nic->lock, NULL);
    nic->loop = loop;
    loop_init_bottom_half(&nic->transmit, transmit_bottom_half, nic);
}

void nic_transmit(struct nic *nic)
{
    pthread_mutex_lock(&nic->lock); /* expect-note: lock-order */
    nic->queued++;
    loop_schedule(nic->loop, &nic->transmit); /* expect-any: lock-order */
    pthread_mutex_unlock(&nic->lock);
}
