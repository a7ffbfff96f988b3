/* The console (Virtio 1.2, 5.3), on the main loop with the BQL, as character devices
 * want it. Input waits in a buffer until the driver gives room for it; of output the
 * chain at hand is kept while the character device takes no more. */
#include "hw/virtio_console.h"

#include <errno.h>
#include <stdlib.h>

#include "aio/main_loop.h"
#include "hw/virtio.h"

#define INPUT_SIZE     4096u
#define CHAINS_AT_ONCE 64

enum { QUEUE_INPUT, QUEUE_OUTPUT, QUEUES };

struct virtio_console {
    struct virtio virtio;
    struct chardev *chardev IMMUTABLE_AFTER_INIT;
    uint8_t input[INPUT_SIZE] GUARDED_BY(bql);
    unsigned head GUARDED_BY(bql), count GUARDED_BY(bql);
    struct virtq_chain in OWNED_BY(holder of the lock of the device);
    struct virtq_chain out OWNED_BY(holder of the lock of the device);
    bool out_busy OWNED_BY(holder of the lock of the device);
    uint64_t out_done OWNED_BY(holder of the lock of the device);
};

static struct virtio_console *console_of(struct virtio *v)
{
    return (struct virtio_console *)(void *)v;
}

static bool process_input(struct virtio_console *c) REQUIRES(bql)
{
    struct virtq *q = &c->virtio.queue[QUEUE_INPUT].q;

    for (unsigned i = 0; c->count > 0; i++) {
        uint64_t done = 0;

        if (i == CHAINS_AT_ONCE) {
            return true;
        }
        if (!virtq_pop(q, &c->in)) {
            return false;
        }
        while (c->count > 0 && done < c->in.in_len) {
            unsigned run = INPUT_SIZE - c->head < c->count ? INPUT_SIZE - c->head : c->count;
            unsigned part = (unsigned)virtq_copy_in(&c->in, done, c->input + c->head, run);

            c->head = (c->head + part) % INPUT_SIZE;
            c->count -= part;
            done += part;
        }
        virtq_push(q, &c->in, done);
        if (c->chardev) {
            chardev_accept_input(c->chardev);
        }
    }
    return false;
}

/* Writes what is left of the chain; false: the character device is full. */
static bool write_out(struct virtio_console *c) REQUIRES(bql)
{
    while (c->out_done < c->out.out_len) {
        uint8_t buf[1024];
        uint64_t n = virtq_copy_out(&c->out, c->out_done, buf, sizeof(buf));
        size_t taken = c->chardev ? chardev_write(c->chardev, buf, n) : n;

        c->out_done += taken;
        if (taken < n) {
            return false;
        }
    }
    return true;
}

static bool process_output(struct virtio_console *c) REQUIRES(bql)
{
    struct virtq *q = &c->virtio.queue[QUEUE_OUTPUT].q;

    for (unsigned i = 0; i < CHAINS_AT_ONCE; i++) {
        if (!c->out_busy && !virtq_pop(q, &c->out)) {
            return false;
        }
        c->out_done = c->out_busy ? c->out_done : 0;
        c->out_busy = !write_out(c);
        if (c->out_busy) {
            return false; /* on_writable goes on */
        }
        virtq_push(q, &c->out, 0);
    }
    return true;
}

static bool process(struct virtio *v, unsigned n)
{
    struct virtio_console *c = console_of(v);

    bql_assert_locked();
    return n == QUEUE_INPUT ? process_input(c) : process_output(c);
}

static void reset(struct virtio *v)
{
    struct virtio_console *c = console_of(v);

    if (c->out_busy) {
        c->out_busy = false;
        virtq_drop(&v->queue[QUEUE_OUTPUT].q, &c->out);
    }
}

static size_t can_receive(void *opaque)
{
    const struct virtio_console *c = opaque;

    bql_assert_locked();
    return INPUT_SIZE - c->count;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct virtio_console *c = opaque;

    bql_assert_locked();
    for (size_t i = 0; i < len && c->count < INPUT_SIZE; i++) {
        c->input[(c->head + c->count++) % INPUT_SIZE] = buf[i];
    }
    virtio_schedule(&c->virtio, QUEUE_INPUT);
}

static void on_writable(void *opaque)
{
    struct virtio_console *c = opaque;

    virtio_schedule(&c->virtio, QUEUE_OUTPUT);
}

static void free_console(struct virtio *v)
{
    free(console_of(v));
}

static const struct chardev_client client = {
    .can_receive = can_receive, .receive = receive, .writable = on_writable};

static const struct virtio_type type = {.name = "virtio-console",
                                        .id = 3,
                                        .class_code = 0x078000,
                                        .config_size = 12,
                                        .process = process,
                                        .reset = reset,
                                        .free = free_console};

void virtio_console_connect(struct virtio_console *c, struct chardev *chardev)
{
    c->chardev = chardev;
    chardev_attach(chardev, &client, c);
}

int virtio_console_new(struct pci_bus *bus, int devfn, struct chardev *chardev,
                       struct virtio_console **out, struct error *err)
{
    struct virtio_console *c = calloc(1, sizeof(*c));
    int ret;

    if (!c) {
        return error_set(err, ENOMEM, "virtio-console: out of memory");
    }
    ret = virtio_init(&c->virtio, &type, bus, devfn, QUEUES, main_loop_context(), err);
    if (ret < 0) {
        free(c);
        return ret;
    }
    if (chardev) {
        virtio_console_connect(c, chardev);
    }
    *out = c;
    return 0;
}
