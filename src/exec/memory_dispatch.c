/* Accesses to devices: cut to the sizes that a device takes, kept from entering
 * a device that is already at it, and turned into events where a notifier waits.
 *
 * Re-entrancy. Each thread keeps the chain of devices whose callbacks it is in
 * (by their opaque pointer, so that all regions of a device count as one). A
 * device that reaches itself through its own DMA is refused. Threads do not see
 * each other's chains: that they come one at a time is the BQL's affair, or the
 * device's own. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec/memory_internal.h"

/* A callback that this thread is in; lies on its stack. */
struct entered {
    const void *opaque;
    const struct entered *outer;
};
static _Thread_local const struct entered *innermost;

static bool has_entered(const void *opaque)
{
    const struct entered *e = innermost;

    while (e && e->opaque != opaque) {
        e = e->outer;
    }
    return e;
}

/* The next piece of an access of `rest` bytes at `offset`. */
static unsigned piece_size(const struct memory_ops *ops, uint64_t offset, unsigned rest)
{
    unsigned piece = ops->max_size ? ops->max_size : 8;

    while (piece > rest || (!ops->unaligned && offset % piece)) {
        piece /= 2;
    }
    return piece;
}

static unsigned min_size(const struct memory_ops *ops)
{
    return ops->min_size ? ops->min_size : 1;
}

/* Reads `*piece` bytes at offset, or fewer if the device's own unit ends before. */
static enum memory_result read_piece(const struct view_range *r, uint64_t offset, unsigned *piece,
                                     uint64_t *value)
{
    const struct memory_ops *ops = r->mr->ops;
    unsigned unit = min_size(ops);
    uint64_t start = *piece < unit ? offset & ~(uint64_t)(unit - 1) : offset;
    unsigned size = *piece < unit ? unit : *piece;
    enum memory_result result = MEMORY_UNASSIGNED;
    uint64_t raw = 0;

    if (*piece > start + size - offset) {
        *piece = (unsigned)(start + size - offset);
    }
    if (ops->read && r->region_last - start >= size - 1) {
        result = ops->read(r->mr->opaque, start, size, &raw);
    }
    *value = result == MEMORY_OK ? raw >> 8 * (offset - start) : UINT64_MAX;
    *value &= memory_mask(*piece);
    return result;
}

static enum memory_result read_all(const struct view_range *r, uint64_t offset, unsigned size,
                                   uint64_t *value)
{
    enum memory_result result = MEMORY_OK;

    *value = 0;
    for (unsigned done = 0; done < size;) {
        unsigned piece = piece_size(r->mr->ops, offset + done, size - done);
        uint64_t part;

        result = memory_worse(result, read_piece(r, offset + done, &piece, &part));
        *value |= part << 8 * done;
        done += piece;
    }
    return result;
}

static enum memory_result write_all(const struct view_range *r, uint64_t offset, unsigned size,
                                    uint64_t value)
{
    const struct memory_ops *ops = r->mr->ops;
    enum memory_result result = MEMORY_OK;

    if (!ops->write) {
        return MEMORY_UNASSIGNED;
    }
    for (unsigned done = 0; done < size && done < sizeof(value);) {
        unsigned piece = piece_size(ops, offset + done, size - done);

        if (piece < min_size(ops)) {
            result = memory_worse(result, MEMORY_ERROR);
        } else {
            result = memory_worse(result, ops->write(r->mr->opaque, offset + done, piece,
                                                     value >> 8 * done & memory_mask(piece)));
        }
        done += piece;
    }
    return result;
}

/* Of the range they keep a copy: a callback that moves regions makes a new view, and
 * with the BQL alone the old one may be freed before the callback is back. */
enum memory_result memory_device_read(const struct view_range *where, uint64_t addr, unsigned size,
                                      uint64_t *value)
{
    const struct view_range range = *where, *r = &range;
    const struct entered here = {.opaque = r->mr->opaque, .outer = innermost};
    enum memory_result result;

    if (has_entered(here.opaque)) {
        *value = memory_mask(size);
        return MEMORY_ERROR;
    }
    innermost = &here;
    result = read_all(r, r->offset + (addr - r->first), size, value);
    innermost = here.outer;
    return result;
}

enum memory_result memory_device_write(const struct view_range *where, uint64_t addr, unsigned size,
                                       uint64_t value)
{
    const struct view_range range = *where, *r = &range;
    const struct entered here = {.opaque = r->mr->opaque, .outer = innermost};
    enum memory_result result;

    if (has_entered(here.opaque)) {
        return MEMORY_ERROR;
    }
    innermost = &here;
    result = write_all(r, r->offset + (addr - r->first), size, value);
    innermost = here.outer;
    return result;
}
