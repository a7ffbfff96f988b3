/* A loop runs bottom halves one after the other under its lock. */
#ifndef LOOP_H
#define LOOP_H

#include <pthread.h>

#include "contracts.h"

struct bottom_half {
    struct bottom_half *next;
    void (*run)(void *opaque);
    void *opaque;
};

struct loop {
    pthread_mutex_t lock;
    struct bottom_half *head GUARDED_BY(lock);
};

void loop_init_bottom_half(struct bottom_half *bh, void (*run)(void *opaque), void *opaque);
void loop_schedule(struct loop *loop, struct bottom_half *bh);
void loop_run(struct loop *loop);

struct nic;
void nic_init(struct nic *nic, struct loop *loop);
void nic_transmit(struct nic *nic);

#endif
