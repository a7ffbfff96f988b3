/* The debug console and the POST port. */
#include "hw/debugcon.h"

#include <errno.h>
#include <stdlib.h>

#define POST_PORT 0x80

struct debugcon {
    struct memory_region region;
    struct chardev *chardev IMMUTABLE_AFTER_INIT;
    uint8_t readback IMMUTABLE_AFTER_INIT;
    uint8_t last GUARDED_BY(bql);
};

static enum memory_result debugcon_read(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t *value)
{
    const struct debugcon *d = opaque;
    (void)offset;
    (void)size;
    *value = d->readback;
    return MEMORY_OK;
}

static enum memory_result debugcon_write(void *opaque, uint64_t offset, unsigned size,
                                         uint64_t value)
{
    const struct debugcon *d = opaque;
    uint8_t byte = (uint8_t)value;
    (void)offset;
    (void)size;

    bql_assert_locked();
    if (d->chardev) {
        (void)chardev_write(d->chardev, &byte, 1); /* what it does not take is lost */
    }
    return MEMORY_OK;
}

static enum memory_result post_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct debugcon *d = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    *value = d->last;
    return MEMORY_OK;
}

static enum memory_result post_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct debugcon *d = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    d->last = (uint8_t)value;
    return MEMORY_OK;
}

static const struct memory_ops debugcon_ops = {
    .read = debugcon_read, .write = debugcon_write, .min_size = 1, .max_size = 1};
static const struct memory_ops post_ops = {
    .read = post_read, .write = post_write, .min_size = 1, .max_size = 1};

static int add_port(struct machine *m, uint16_t port, const struct memory_ops *ops,
                    const char *name, struct chardev *c, struct debugcon **out, struct error *err)
    REQUIRES(bql)
{
    struct debugcon *d = calloc(1, sizeof(*d));

    if (!d) {
        return error_set(err, ENOMEM, "%s: out of memory", name);
    }
    d->chardev = c;
    memory_region_init_io(&d->region, ops, d, name, 1);
    memory_region_add(&m->io, port, &d->region, 0);
    *out = d;
    return 0;
}

int debugcon_new(struct machine *m, uint16_t port, uint8_t readback, struct chardev *c,
                 struct debugcon **out, struct error *err)
{
    int ret = add_port(m, port, &debugcon_ops, "debugcon", c, out, err);

    if (ret == 0) {
        (*out)->readback = readback;
    }
    return ret;
}

int post_port_new(struct machine *m, struct debugcon **out, struct error *err)
{
    return add_port(m, POST_PORT, &post_ops, "post", NULL, out, err);
}

void post_port_reset(void *port)
{
    struct debugcon *d = port;

    d->last = 0;
}

void debugcon_free(struct debugcon *d)
{
    memory_region_destroy(&d->region);
    free(d);
}
