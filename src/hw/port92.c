/* Port 0x92. */
#include "hw/port92.h"

#include <errno.h>
#include <stdlib.h>

#define RESET 1u
#define A20   2u

struct port92 {
    struct memory_region region;
    struct machine *machine IMMUTABLE_AFTER_INIT;
    uint8_t value GUARDED_BY(bql);
};

static enum memory_result port92_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct port92 *p = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    *value = p->value;
    return MEMORY_OK;
}

static enum memory_result port92_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct port92 *p = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    if ((value & RESET) && !(p->value & RESET)) {
        machine_request(p->machine, MACHINE_RESET, 0);
    }
    p->value = (uint8_t)value;
    return MEMORY_OK;
}

static const struct memory_ops port92_ops = {
    .read = port92_read, .write = port92_write, .min_size = 1, .max_size = 1};

static void port92_reset(void *opaque)
{
    struct port92 *p = opaque;

    bql_assert_locked();
    p->value = A20;
}

int port92_new(struct machine *m, struct port92 **out, struct error *err)
{
    struct port92 *p = calloc(1, sizeof(*p));

    if (!p || machine_on_reset(m, port92_reset, p) < 0) {
        free(p);
        return error_set(err, ENOMEM, "port92: out of memory");
    }
    p->machine = m;
    p->value = A20;
    memory_region_init_io(&p->region, &port92_ops, p, "port92", 1);
    memory_region_add(&m->io, 0x92, &p->region, 0);
    *out = p;
    return 0;
}

void port92_free(struct port92 *p)
{
    memory_region_destroy(&p->region);
    free(p);
}
