/* The entropy device (Virtio 1.2, 5.4), on the main loop. */
#include "hw/virtio_rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "aio/main_loop.h"
#include "exec/icount.h"
#include "hw/virtio.h"

#define REQUESTS_AT_ONCE 16
#define BYTES_AT_ONCE    256 /* of a request: more is asked for again */

struct virtio_rng {
    struct virtio virtio;
    struct virtq_chain chain OWNED_BY(holder of the lock of the device);
};

/* Up to 256 bytes come at once and are never interrupted. */
static ssize_t get_random(uint8_t *bytes, size_t n)
{
    if (!icount_enabled()) {
        return getrandom(bytes, n, 0);
    }
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)icount_random();
    }
    return (ssize_t)n;
}

static bool process(struct virtio *v, unsigned n)
{
    struct virtio_rng *r = (struct virtio_rng *)(void *)v;
    struct virtq *q = &v->queue[n].q;

    for (unsigned i = 0; i < REQUESTS_AT_ONCE; i++) {
        uint8_t bytes[BYTES_AT_ONCE];
        ssize_t got;

        if (!virtq_pop(q, &r->chain)) {
            return false;
        }
        got = get_random(bytes, sizeof(bytes));
        virtq_push(q, &r->chain, virtq_copy_in(&r->chain, 0, bytes, got < 0 ? 0 : (uint64_t)got));
    }
    return true;
}

static void free_rng(struct virtio *v)
{
    free(v);
}

static const struct virtio_type type = {
    .name = "virtio-rng", .id = 4, .class_code = 0x00ff00, .process = process, .free = free_rng};

int virtio_rng_new(struct pci_bus *bus, int devfn, struct error *err)
{
    struct virtio_rng *r = calloc(1, sizeof(*r));
    int ret;

    if (!r) {
        return error_set(err, ENOMEM, "virtio-rng: out of memory");
    }
    ret = virtio_init(&r->virtio, &type, bus, devfn, 1, main_loop_context(), err);
    if (ret < 0) {
        free(r);
    }
    return ret;
}
