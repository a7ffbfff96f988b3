/* A split virtqueue (Virtio 1.2, 2.7): the rings in guest memory, chains of buffers
 * taken from it and given back. Everything in the rings is the guest's and changes
 * under our hands: it is read once, and checked. What makes no sense breaks the queue,
 * which then yields nothing until it is reset.
 *
 * Buffers and rings must be RAM: no device is entered through a queue. So a queue is
 * worked on without the BQL. Its fields belong to the holder of its device's lock. */
#ifndef MORTISE_HW_VIRTQ_H
#define MORTISE_HW_VIRTQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "exec/memory.h"

#define VIRTQ_MAX_SIZE    256
#define VIRTQ_SEGMENTS    512 /* pieces of host memory in one chain */
#define VIRTQ_VECTOR_NONE 0xffff

struct OWNED_BY(holder of the lock of its device) virtq {
    struct address_space *as IMMUTABLE_AFTER_INIT;

    /* What the driver has set. */
    uint16_t size, vector;
    uint64_t desc_addr, avail_addr, used_addr;
    bool event_index; /* negotiated */

    bool ready, broken;
    uint8_t *desc, *avail, *used; /* mapped while ready */
    uint64_t desc_len, avail_len, used_len;
    uint16_t last_avail, used_index;
    uint16_t told; /* used_index at the last look whether to interrupt */
};

struct OWNED_BY(holder of the lock of its device) virtq_segment {
    uint8_t *host;
    uint64_t len;
};

/* A chain: first what the device reads, then what it writes. */
struct OWNED_BY(holder of the lock of its device) virtq_chain {
    uint16_t head;
    unsigned out, in; /* segments */
    uint64_t out_len, in_len;
    struct virtq_segment segment[VIRTQ_SEGMENTS];
};

void virtq_init(struct virtq *q, struct address_space *as);
/* Back to nothing; unmaps the rings. */
void virtq_reset(struct virtq *q);
/* Maps the rings as the driver has set them. A queue that cannot be is broken. */
void virtq_enable(struct virtq *q);

/* The next chain; false: there is none, or the queue is broken. After `false` the
 * driver will notify. */
bool virtq_pop(struct virtq *q, struct virtq_chain *c);
/* Gives the chain back, with `written` bytes written to its `in` part. */
void virtq_push(struct virtq *q, struct virtq_chain *c, uint64_t written);
/* Lets go of a chain that will not be given back, because of a reset. */
void virtq_drop(struct virtq *q, struct virtq_chain *c);
/* Whether the driver wants to be interrupted for what was pushed since the last call. */
bool virtq_wants_interrupt(struct virtq *q);

/* Copies from the out part, or to the in part, from `offset` on. Returns bytes. */
uint64_t virtq_copy_out(const struct virtq_chain *c, uint64_t offset, void *to, uint64_t len);
uint64_t virtq_copy_in(struct virtq_chain *c, uint64_t offset, const void *from, uint64_t len);

#endif
