/* Regions: making and destroying them, and the tree. Every change of the tree
 * ends in memory_changed, which publishes new views (memory_view.c). */
#include "exec/memory.h"

#include <assert.h>
#include <errno.h>

#include "exec/memory_internal.h"
#include "exec/tb.h"

static void init(struct memory_region *mr, enum memory_kind kind, const char *name, uint64_t size)
    REQUIRES(bql)
{
    *mr = (struct memory_region){.name = name, .kind = kind};
    mr->size = size;
    mr->enabled = true;
    mr->romd = kind == MEMORY_ROM_DEVICE;
}

void memory_region_init(struct memory_region *mr, const char *name, uint64_t size)
{
    init(mr, MEMORY_CONTAINER, name, size);
}

static int init_ram(struct memory_region *mr, enum memory_kind kind, const char *name,
                    uint64_t size, struct error *err) REQUIRES(bql)
{
    struct ram_block *block;

    if (size == 0 || size % GUEST_PAGE_SIZE) {
        return error_set(err, EINVAL, "%s: size is not a multiple of 4 KiB", name);
    }
    int ret = ram_block_new(&block, size, err);
    if (ret < 0) {
        error_prefix(err, "%s", name);
        return ret;
    }
    init(mr, kind, name, size);
    mr->block = block;
    mr->host = ram_block_host(block);
    mr->ram_addr = ram_block_addr(block);
    return 0;
}

int memory_region_init_ram(struct memory_region *mr, const char *name, uint64_t size,
                           struct error *err)
{
    return init_ram(mr, MEMORY_RAM, name, size, err);
}

int memory_region_init_rom(struct memory_region *mr, const char *name, uint64_t size,
                           struct error *err)
{
    return init_ram(mr, MEMORY_ROM, name, size, err);
}

int memory_region_init_rom_device(struct memory_region *mr, const struct memory_ops *ops,
                                  void *opaque, const char *name, uint64_t size, struct error *err)
{
    int ret = init_ram(mr, MEMORY_ROM_DEVICE, name, size, err);

    if (ret == 0) {
        mr->ops = ops;
        mr->opaque = opaque;
    }
    return ret;
}

void memory_region_init_io(struct memory_region *mr, const struct memory_ops *ops, void *opaque,
                           const char *name, uint64_t size)
{
    init(mr, MEMORY_IO, name, size);
    mr->ops = ops;
    mr->opaque = opaque;
}

void memory_region_init_alias(struct memory_region *mr, const char *name,
                              struct memory_region *target, uint64_t offset, uint64_t size)
{
    init(mr, MEMORY_ALIAS, name, size);
    mr->alias = target;
    mr->alias_offset = offset;
}

void memory_region_set_lockless(struct memory_region *mr)
{
    assert(!mr->parent);
    mr->lockless = true;
}

void memory_region_destroy(struct memory_region *mr)
{
    assert(!memory_in_transaction());
    assert(!mr->first_child);
    if (mr->parent) {
        memory_region_remove(mr);
    }
    /* From here on no new reader finds it, in the tree or in a view. */
    synchronize_rcu();
    memory_notifiers_drop(mr);
    if (mr->block) {
        ram_block_put(mr->block);
    }
}

uint8_t *memory_region_host(struct memory_region *mr)
{
    return mr->host;
}

/* Behind those of higher priority, before its equals: the last added wins. */
static void insert(struct memory_region *parent, struct memory_region *child) REQUIRES(bql)
{
    struct memory_region **link = &parent->first_child;

    while (*link && (*link)->priority > child->priority) {
        link = &(*link)->next_sibling;
    }
    child->next_sibling = *link;
    *link = child;
    child->parent = parent;
}

void memory_region_add(struct memory_region *parent, uint64_t addr, struct memory_region *child,
                       int priority)
{
    assert(!child->parent && child != parent);
    child->addr = addr;
    child->priority = priority;
    insert(parent, child);
    memory_changed();
}

static void unlink_from_parent(struct memory_region *child) REQUIRES(bql)
{
    struct memory_region **link = &child->parent->first_child;

    while (*link != child) {
        link = &(*link)->next_sibling;
    }
    *link = child->next_sibling;
    child->parent = NULL;
    child->next_sibling = NULL;
}

void memory_region_remove(struct memory_region *child)
{
    assert(child->parent);
    unlink_from_parent(child);
    memory_changed();
}

void memory_region_set_enabled(struct memory_region *mr, bool enabled)
{
    if (mr->enabled != enabled) {
        mr->enabled = enabled;
        memory_changed();
    }
}

void memory_region_set_address(struct memory_region *mr, uint64_t addr)
{
    if (mr->addr != addr) {
        mr->addr = addr;
        memory_changed();
    }
}

void memory_region_set_size(struct memory_region *mr, uint64_t size)
{
    /* What has memory behind it never shows more than there is. */
    assert(!mr->block || size <= mr->size);
    if (mr->size != size) {
        mr->size = size;
        memory_changed();
    }
}

void memory_region_set_alias_offset(struct memory_region *mr, uint64_t offset)
{
    assert(mr->kind == MEMORY_ALIAS);
    if (mr->alias_offset != offset) {
        mr->alias_offset = offset;
        memory_changed();
    }
}

void memory_region_set_readonly(struct memory_region *mr, bool readonly)
{
    if (mr->readonly != readonly) {
        mr->readonly = readonly;
        memory_changed();
    }
}

void memory_region_set_romd(struct memory_region *mr, bool romd)
{
    assert(mr->kind == MEMORY_ROM_DEVICE);
    if (mr->romd != romd) {
        mr->romd = romd;
        memory_changed();
    }
}
