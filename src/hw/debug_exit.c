/* isa-debug-exit: what a test kernel writes becomes the exit code. */
#include "hw/debug_exit.h"

#include <errno.h>
#include <stdlib.h>

struct debug_exit {
    struct memory_region region;
    struct machine *machine IMMUTABLE_AFTER_INIT;
};

static enum memory_result debug_exit_read(void *opaque, uint64_t offset, unsigned size,
                                          uint64_t *value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    *value = 0;
    return MEMORY_OK;
}

static enum memory_result debug_exit_write(void *opaque, uint64_t offset, unsigned size,
                                           uint64_t value)
{
    const struct debug_exit *d = opaque;
    (void)offset;
    (void)size;
    machine_request(d->machine, MACHINE_SHUTDOWN, (int)((value & 0x7f) * 2 + 1));
    return MEMORY_OK;
}

static const struct memory_ops debug_exit_ops = {
    .read = debug_exit_read, .write = debug_exit_write, .min_size = 1, .max_size = 4};

int debug_exit_new(struct machine *m, uint16_t base, unsigned size, struct error *err)
{
    if (size < 1 || size > 4 || base > 0xffff - size + 1) {
        return error_set(err, EINVAL, "isa-debug-exit: ports 0x%x..0x%x are not possible", base,
                         base + size - 1);
    }
    struct debug_exit *d = calloc(1, sizeof(*d));
    if (!d) {
        return error_set(err, ENOMEM, "isa-debug-exit: out of memory");
    }
    d->machine = m;
    memory_region_init_io(&d->region, &debug_exit_ops, d, "isa-debug-exit", size);
    memory_region_add(&m->io, base, &d->region, 0);
    return 0;
}
