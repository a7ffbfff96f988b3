/* What the files of guest-physical memory share. */
#ifndef MORTISE_EXEC_MEMORY_INTERNAL_H
#define MORTISE_EXEC_MEMORY_INTERNAL_H

#include <stdatomic.h>

#include "exec/memory.h"
#include "rcu/pointer.h"

/* A run of addresses of one space that shows one region. */
struct IMMUTABLE_AFTER_INIT view_range {
    uint64_t first, last; /* addresses, inclusive */
    struct memory_region *mr;
    uint64_t offset;      /* of `first` in mr */
    uint64_t region_last; /* the region's last offset */
    uint8_t *host;        /* of `first`; NULL: mr has no memory */
    uint64_t ram_addr;    /* of `first`, with host */
    bool reads;           /* reads come from host */
    bool writes;          /* writes go to host */
    bool drops;           /* writes go nowhere */
};

/* What an address space looks like: its ranges in ascending order, with gaps. */
struct flat_view {
    struct rcu_head rcu;
    size_t count IMMUTABLE_AFTER_INIT;
    struct view_range range[];
};

struct address_space {
    const char *name IMMUTABLE_AFTER_INIT;
    struct memory_region *root IMMUTABLE_AFTER_INIT;
    struct flat_view *view RCU_PROTECTED;
    bool is_new GUARDED_BY(bql);
    void (*changed)(void *opaque) GUARDED_BY(bql);
    void *opaque GUARDED_BY(bql);
    struct address_space *next GUARDED_BY(bql); /* of all */
};

/* memory_view.c */

/* The range that contains addr; NULL: none, and *gap_last is the last address
 * before the next one. */
const struct view_range *view_find(const struct flat_view *view, uint64_t addr, uint64_t *gap_last);
/* A region has changed: publishes new views at the end of the transaction. */
void memory_changed(void) REQUIRES(bql);
bool memory_in_transaction(void) REQUIRES(bql);
/* The list of all spaces. */
struct address_space *memory_spaces(void) REQUIRES(bql);

/* memory.c */

/* The last offset in it; the region is not empty. */
static inline uint64_t memory_region_last(const struct memory_region *mr) REQUIRES(bql)
{
    return mr->size == UINT64_MAX ? UINT64_MAX : mr->size - 1;
}

/* memory_dispatch.c: one access within the range, to the device's callbacks. The
 * caller holds the BQL, or an RCU read section if the region is lockless. */
enum memory_result memory_device_read(const struct view_range *where, uint64_t addr, unsigned size,
                                      uint64_t *value);
enum memory_result memory_device_write(const struct view_range *where, uint64_t addr, unsigned size,
                                       uint64_t value);
/* Whether an event notifier takes the write, and has been told. */
bool memory_notify(const struct view_range *r, uint64_t addr, unsigned size, uint64_t value)
    REQUIRES_SHARED(rcu_cap);
void memory_notifiers_drop(struct memory_region *mr) REQUIRES(bql);

/* memory_ram.c: RAM of a region, which has one reference. */
NODISCARD int ram_block_new(struct ram_block **out, uint64_t size, struct error *err);
uint8_t *ram_block_host(const struct ram_block *block);
uint64_t ram_block_addr(const struct ram_block *block);
/* In a read section that found the block through a view, or with a reference. */
void ram_block_get(struct ram_block *block);
void ram_block_put(struct ram_block *block);
/* The block that contains this host address. The caller has a reference. */
struct ram_block *ram_block_of(const void *host);

static inline uint64_t memory_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

/* The result of an access made in two parts. */
static inline enum memory_result memory_worse(enum memory_result a, enum memory_result b)
{
    return a == MEMORY_OK ? b : a;
}

#endif
