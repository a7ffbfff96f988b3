/* The entropy device (Virtio 1.2, 5.4), on the main loop. */
#include "hw/virtio_rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "aio/clock.h"
#include "aio/main_loop.h"
#include "aio/timer.h"
#include "exec/icount.h"
#include "hw/virtio.h"

#define REQUESTS_AT_ONCE 16
#define BYTES_AT_ONCE    256 /* of a request: more is asked for again */

struct virtio_rng {
    struct virtio virtio;
    struct virtq_chain chain OWNED_BY(holder of the lock of the device);
    uint64_t max_bytes IMMUTABLE_AFTER_INIT; /* 0: no limit */
    int64_t period_ns IMMUTABLE_AFTER_INIT;
    struct aio_timer timer; /* the end of a period in which something was given */
    bool counting GUARDED_BY(bql);
    uint64_t left GUARDED_BY(bql); /* of max_bytes */
};

static struct virtio_rng *rng_of(struct virtio *v)
{
    return (struct virtio_rng *)(void *)v;
}

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

static void on_period(void *opaque)
{
    struct virtio_rng *r = opaque;

    bql_assert_locked();
    r->counting = false;
    virtio_schedule(&r->virtio, 0);
}

/* How many bytes may be given now. */
static size_t allowed(struct virtio_rng *r) REQUIRES(bql)
{
    if (r->max_bytes && !r->counting) {
        r->counting = true;
        r->left = r->max_bytes;
        aio_timer_mod(&r->timer, aio_clock_get_ns(AIO_CLOCK_VIRTUAL) + r->period_ns);
    }
    return r->max_bytes && r->left < BYTES_AT_ONCE ? (size_t)r->left : BYTES_AT_ONCE;
}

static bool process(struct virtio *v, unsigned n)
{
    struct virtio_rng *r = rng_of(v);
    struct virtq *q = &v->queue[n].q;

    bql_assert_locked();

    for (unsigned i = 0; i < REQUESTS_AT_ONCE; i++) {
        uint8_t bytes[BYTES_AT_ONCE];
        uint64_t given;
        ssize_t got;

        if ((r->counting && r->left == 0) || !virtq_pop(q, &r->chain)) {
            return false; /* on_period goes on */
        }
        got = get_random(bytes, allowed(r));
        given = virtq_copy_in(&r->chain, 0, bytes, got < 0 ? 0 : (uint64_t)got);
        r->left -= r->counting ? given : 0;
        virtq_push(q, &r->chain, given);
    }
    return true;
}

static void free_rng(struct virtio *v)
{
    aio_timer_del(&rng_of(v)->timer);
    free(v);
}

static const struct virtio_type type = {
    .name = "virtio-rng", .id = 4, .class_code = 0x00ff00, .process = process, .free = free_rng};

int virtio_rng_new(struct pci_bus *bus, int devfn, uint64_t max_bytes, uint32_t period_ms,
                   struct error *err)
{
    struct virtio_rng *r = calloc(1, sizeof(*r));
    int ret;

    if (!r) {
        return error_set(err, ENOMEM, "virtio-rng: out of memory");
    }
    r->max_bytes = max_bytes;
    r->period_ns = (int64_t)period_ms * 1000000;
    aio_timer_init(&r->timer, main_loop_context(), AIO_CLOCK_VIRTUAL, on_period, r);
    ret = virtio_init(&r->virtio, &type, bus, devfn, 1, main_loop_context(), err);
    if (ret < 0) {
        free(r);
    }
    return ret;
}
