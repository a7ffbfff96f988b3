/* Accesses to an address space: to RAM in place, to devices through their
 * callbacks.
 *
 * The view is read in a read section. Who finds RAM, a notifier or a lockless
 * device is done within it. For a device that wants the BQL the section is left,
 * since BQL comes before RCU in the order of locks, and the range is looked up
 * again with the BQL held, under which views do not change and regions stay. */
#include <assert.h>
#include <string.h>

#include "exec/memory_internal.h"
#include "exec/tb.h"

/* Naturally aligned accesses are single ones, as other CPUs see them. */
static uint64_t ram_load(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    if ((uintptr_t)p % size) {
        for (unsigned i = size; i-- > 0;) {
            v = v << 8 | p[i];
        }
        return v;
    }
    switch (size) {
    case 1:
        return atomic_load_explicit((const _Atomic(uint8_t) *)(const void *)p,
                                    memory_order_relaxed);
    case 2:
        return atomic_load_explicit((const _Atomic(uint16_t) *)(const void *)p,
                                    memory_order_relaxed);
    case 4:
        return atomic_load_explicit((const _Atomic(uint32_t) *)(const void *)p,
                                    memory_order_relaxed);
    default:
        return atomic_load_explicit((const _Atomic(uint64_t) *)(const void *)p,
                                    memory_order_relaxed);
    }
}

static void ram_store(uint8_t *p, unsigned size, uint64_t v)
{
    if ((uintptr_t)p % size) {
        for (unsigned i = 0; i < size; i++) {
            p[i] = (uint8_t)(v >> 8 * i);
        }
        return;
    }
    switch (size) {
    case 1:
        atomic_store_explicit((_Atomic(uint8_t) *)(void *)p, (uint8_t)v, memory_order_relaxed);
        break;
    case 2:
        atomic_store_explicit((_Atomic(uint16_t) *)(void *)p, (uint16_t)v, memory_order_relaxed);
        break;
    case 4:
        atomic_store_explicit((_Atomic(uint32_t) *)(void *)p, (uint32_t)v, memory_order_relaxed);
        break;
    default:
        atomic_store_explicit((_Atomic(uint64_t) *)(void *)p, v, memory_order_relaxed);
        break;
    }
}

/* Where an address leads, found in a read section or with the BQL. */
struct target {
    const struct view_range *r; /* NULL: nothing there */
    uint64_t last;              /* how far that goes */
};

static struct target find_in(const struct flat_view *view, uint64_t addr)
{
    struct target t = {0};

    t.r = view_find(view, addr, &t.last);
    if (t.r) {
        t.last = t.r->last;
    }
    return t;
}

static struct target find(struct address_space *as, uint64_t addr) REQUIRES_SHARED(rcu_cap)
{
    return find_in(rcu_dereference(as->view), addr);
}

static struct target find_locked(struct address_space *as, uint64_t addr) REQUIRES(bql)
{
    return find_in(rcu_dereference_locked(as->view), addr);
}

/* What is to be done about an access, other than what has been. */
enum next_step { DONE, SPLIT, WITH_BQL };

static enum next_step load_from(struct target t, uint64_t addr, unsigned size, bool have_bql,
                                uint64_t *value, enum memory_result *result)
{
    if (t.last - addr < size - 1) {
        return SPLIT;
    }
    if (!t.r) {
        *value = memory_mask(size);
        *result = MEMORY_UNASSIGNED;
    } else if (t.r->reads) {
        *value = ram_load(t.r->host + (addr - t.r->first), size);
        *result = MEMORY_OK;
    } else if (have_bql || t.r->mr->lockless) {
        *result = memory_device_read(t.r, addr, size, value);
    } else {
        return WITH_BQL;
    }
    return DONE;
}

static enum next_step store_to(struct target t, uint64_t addr, unsigned size, bool have_bql,
                               uint64_t value, enum memory_result *result)
{
    if (t.last - addr < size - 1) {
        return SPLIT;
    }
    if (!t.r) {
        *result = MEMORY_UNASSIGNED;
    } else if (t.r->writes) {
        ram_store(t.r->host + (addr - t.r->first), size, value);
        memory_ram_written(t.r->ram_addr + (addr - t.r->first), size);
        *result = MEMORY_OK;
    } else if (t.r->drops) {
        *result = MEMORY_OK;
    } else if (have_bql || t.r->mr->lockless) {
        *result = memory_device_write(t.r, addr, size, value);
    } else {
        return WITH_BQL;
    }
    return DONE;
}

static enum next_step load_with_bql(struct address_space *as, uint64_t addr, unsigned size,
                                    uint64_t *value, enum memory_result *result) REQUIRES(bql)
{
    return load_from(find_locked(as, addr), addr, size, true, value, result);
}

static enum next_step store_with_bql(struct address_space *as, uint64_t addr, unsigned size,
                                     uint64_t value, enum memory_result *result) REQUIRES(bql)
{
    return store_to(find_locked(as, addr), addr, size, true, value, result);
}

static enum next_step load_once(struct address_space *as, uint64_t addr, unsigned size,
                                uint64_t *value, enum memory_result *result) EXCLUDES(bql)
{
    enum next_step next;

    rcu_read_lock();
    next = load_from(find(as, addr), addr, size, false, value, result);
    rcu_read_unlock();
    if (next != WITH_BQL) {
        return next;
    }
    bql_lock();
    next = load_with_bql(as, addr, size, value, result);
    bql_unlock();
    return next;
}

static enum next_step store_once(struct address_space *as, uint64_t addr, unsigned size,
                                 uint64_t value, enum memory_result *result) EXCLUDES(bql)
{
    enum next_step next = DONE;

    rcu_read_lock();
    struct target t = find(as, addr);
    *result = MEMORY_OK;
    if (!t.r || t.r->writes || !memory_notify(t.r, addr, size, value)) {
        next = store_to(t, addr, size, false, value, result);
    }
    rcu_read_unlock();
    if (next != WITH_BQL) {
        return next;
    }
    bql_lock();
    next = store_with_bql(as, addr, size, value, result);
    bql_unlock();
    return next;
}

enum memory_result address_space_load(struct address_space *as, uint64_t addr, unsigned size,
                                      uint64_t *value)
{
    enum memory_result result = MEMORY_OK;

    if (load_once(as, addr, size, value, &result) != SPLIT) {
        return result;
    }
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        enum memory_result one = MEMORY_UNASSIGNED;
        uint64_t byte = 0xff;

        /* A single byte is never split. Addresses wrap at 2^64. */
        (void)load_once(as, addr + i, 1, &byte, &one);
        *value |= byte << 8 * i;
        result = memory_worse(result, one);
    }
    return result;
}

enum memory_result address_space_store(struct address_space *as, uint64_t addr, unsigned size,
                                       uint64_t value)
{
    enum memory_result result = MEMORY_OK;

    if (store_once(as, addr, size, value, &result) != SPLIT) {
        return result;
    }
    for (unsigned i = 0; i < size; i++) {
        enum memory_result one = MEMORY_UNASSIGNED;

        (void)store_once(as, addr + i, 1, value >> 8 * i & 0xff, &one);
        result = memory_worse(result, one);
    }
    return result;
}

/* The host memory at addr for `*len` bytes, cut to what is contiguous; NULL if
 * the access does not go to memory. */
static uint8_t *direct(struct target t, uint64_t addr, uint64_t *len, bool write)
{
    if (!t.r || !(write ? t.r->writes : t.r->reads)) {
        return NULL;
    }
    if (t.last - addr < *len - 1) {
        *len = t.last - addr + 1;
    }
    return t.r->host + (addr - t.r->first);
}

/* The result for a place that is no memory. */
static enum memory_result not_memory(struct target t)
{
    return t.r ? MEMORY_ERROR : MEMORY_UNASSIGNED;
}

/* How much of len bytes lies within what is at addr. */
static uint64_t within(struct target t, uint64_t addr, uint64_t len)
{
    return t.last - addr < len - 1 ? t.last - addr + 1 : len;
}

enum memory_result address_space_read(struct address_space *as, uint64_t addr, void *buf,
                                      uint64_t len)
{
    enum memory_result result = MEMORY_OK;
    uint8_t *to = buf;

    while (len > 0) {
        uint64_t n = len;

        rcu_read_lock();
        struct target t = find(as, addr);
        const uint8_t *host = direct(t, addr, &n, false);
        if (host) {
            memcpy(to, host, n);
        } else {
            n = within(t, addr, len);
            memset(to, 0xff, n);
            result = memory_worse(result, not_memory(t));
        }
        rcu_read_unlock();
        to += n;
        addr += n;
        len -= n;
    }
    return result;
}

enum memory_result address_space_write(struct address_space *as, uint64_t addr, const void *buf,
                                       uint64_t len)
{
    enum memory_result result = MEMORY_OK;
    const uint8_t *from = buf;

    while (len > 0) {
        uint64_t n = len;

        rcu_read_lock();
        struct target t = find(as, addr);
        uint8_t *host = direct(t, addr, &n, true);
        if (host) {
            memcpy(host, from, n);
            memory_ram_written(t.r->ram_addr + (addr - t.r->first), n);
        } else {
            n = within(t, addr, len);
            result = memory_worse(result, t.r && t.r->drops ? MEMORY_OK : not_memory(t));
        }
        rcu_read_unlock();
        from += n;
        addr += n;
        len -= n;
    }
    return result;
}

bool address_space_valid(struct address_space *as, uint64_t addr, uint64_t len, bool write)
{
    bool valid = len == 0 || len - 1 <= UINT64_MAX - addr;

    rcu_read_lock();
    while (valid && len > 0) {
        struct target t = find(as, addr);
        uint64_t n = t.last - addr + 1;

        if (!t.r) {
            valid = false;
        } else if (write ? !t.r->writes : !t.r->reads) {
            valid = t.r->mr->ops && (write ? !!t.r->mr->ops->write : !!t.r->mr->ops->read);
        }
        if (t.last - addr >= len - 1) {
            break;
        }
        addr += n;
        len -= n;
    }
    rcu_read_unlock();
    return valid;
}

void *address_space_map(struct address_space *as, uint64_t addr, uint64_t *len, bool write)
{
    uint8_t *host = NULL;

    rcu_read_lock();
    struct target t = find(as, addr);
    if (*len > 0) {
        host = direct(t, addr, len, write);
    }
    if (host) {
        ram_block_get(t.r->mr->block);
    }
    rcu_read_unlock();
    return host;
}

void address_space_unmap(struct address_space *as, void *host, uint64_t len, bool write,
                         uint64_t written)
{
    struct ram_block *block = ram_block_of(host);

    (void)as;
    assert(block && written <= len);
    if (write && written) {
        uint64_t offset = (uint64_t)((uint8_t *)host - ram_block_host(block));
        memory_ram_written(ram_block_addr(block) + offset, written);
    }
    ram_block_put(block);
}

struct memory_page address_space_page(struct address_space *as, uint64_t addr)
{
    struct memory_page page = {0};
    uint64_t base = addr & ~(GUEST_PAGE_SIZE - 1);
    struct target t = find(as, base);

    if (t.r && t.r->reads && t.last - base >= GUEST_PAGE_SIZE - 1 &&
        (t.r->ram_addr + (base - t.r->first)) % GUEST_PAGE_SIZE == 0) {
        page.host = t.r->host + (base - t.r->first);
        page.ram_addr = t.r->ram_addr + (base - t.r->first);
        page.writable = t.r->writes;
    }
    return page;
}
