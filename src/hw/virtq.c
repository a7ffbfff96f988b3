/* Split virtqueues. Who pairs with whom: the driver's release of the available index
 * with our acquire of it; our release of the used index with the driver's acquire. The
 * two questions "is there more" and "is an interrupt wanted" come after a full fence,
 * which pairs with the driver's between its own store and its look at ours. */
#include "hw/virtq.h"

#include <string.h>

enum desc_flag { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
#define DESC_SIZE          16
#define RING_FLAGS         0
#define RING_INDEX         2
#define RING_ENTRIES       4
#define AVAIL_NO_INTERRUPT 1u

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

static uint16_t load16(const uint8_t *at, memory_order order)
{
    return atomic_load_explicit((const _Atomic(uint16_t) *)(const void *)at, order);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is stored to */
static void store16(uint8_t *at, uint16_t value, memory_order order)
{
    atomic_store_explicit((_Atomic(uint16_t) *)(void *)at, value, order);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): it is stored to */
static void store32(uint8_t *at, uint32_t value)
{
    atomic_store_explicit((_Atomic(uint32_t) *)(void *)at, value, memory_order_relaxed);
}

void virtq_init(struct virtq *q, struct address_space *as)
{
    memset(q, 0, sizeof(*q));
    q->as = as;
    q->size = VIRTQ_MAX_SIZE;
    q->vector = VIRTQ_VECTOR_NONE;
}

static void unmap(struct virtq *q, uint8_t **ring, uint64_t len, bool write)
{
    if (*ring) {
        address_space_unmap(q->as, *ring, len, write, write ? len : 0);
        *ring = NULL;
    }
}

static void unmap_rings(struct virtq *q)
{
    unmap(q, &q->desc, q->desc_len, false);
    unmap(q, &q->avail, q->avail_len, false);
    unmap(q, &q->used, q->used_len, true);
}

void virtq_reset(struct virtq *q)
{
    struct address_space *as = q->as;

    unmap_rings(q);
    virtq_init(q, as);
}

/* The whole ring in one piece, or nothing. */
static uint8_t *map(struct virtq *q, uint64_t addr, uint64_t len, unsigned align, bool write)
{
    uint64_t got = len;
    uint8_t *host;

    if (addr % align) {
        return NULL;
    }
    host = address_space_map(q->as, addr, &got, write);
    if (host && got < len) {
        address_space_unmap(q->as, host, got, write, 0);
        return NULL;
    }
    return host;
}

void virtq_enable(struct virtq *q)
{
    if (q->ready || q->size == 0 || q->size > VIRTQ_MAX_SIZE || (q->size & (q->size - 1))) {
        return;
    }
    q->desc_len = (uint64_t)q->size * DESC_SIZE;
    q->avail_len = RING_ENTRIES + (uint64_t)q->size * 2 + 2;
    q->used_len = RING_ENTRIES + (uint64_t)q->size * 8 + 2;
    q->desc = map(q, q->desc_addr, q->desc_len, 16, false);
    q->avail = map(q, q->avail_addr, q->avail_len, 2, false);
    q->used = map(q, q->used_addr, q->used_len, 4, true);
    q->ready = true;
    q->broken = !q->desc || !q->avail || !q->used;
    q->last_avail = q->used_index = q->told = 0;
    if (q->broken) {
        unmap_rings(q);
    }
}

static struct desc read_desc(const uint8_t *table, unsigned n)
{
    const uint8_t *at = table + (uint64_t)n * DESC_SIZE;

    return (struct desc){
        .addr =
            atomic_load_explicit((const _Atomic(uint64_t) *)(const void *)at, memory_order_relaxed),
        .len = atomic_load_explicit((const _Atomic(uint32_t) *)(const void *)(at + 8),
                                    memory_order_relaxed),
        .flags = load16(at + 12, memory_order_relaxed),
        .next = load16(at + 14, memory_order_relaxed),
    };
}

/* Maps one buffer, in as many pieces as it takes. */
static bool add_buffer(struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
    bool write = d->flags & DESC_WRITE;
    uint64_t done = 0;

    if (!write && c->in) {
        return false; /* what the device reads comes first */
    }
    while (done < d->len) {
        uint64_t len = d->len - done;
        uint8_t *host;

        if (c->out + c->in == VIRTQ_SEGMENTS || d->addr > UINT64_MAX - d->len) {
            return false;
        }
        host = address_space_map(q->as, d->addr + done, &len, write);
        if (!host) {
            return false;
        }
        c->segment[c->out + c->in] = (struct virtq_segment){.host = host, .len = len};
        if (write) {
            c->in++;
            c->in_len += len;
        } else {
            c->out++;
            c->out_len += len;
        }
        done += len;
    }
    return true;
}

/* Follows a chain within one table, at most as many steps as the table has. */
static bool add_table(struct virtq *q, struct virtq_chain *c, const uint8_t *table, unsigned count,
                      unsigned first, bool indirect);

/* NOLINTNEXTLINE(misc-no-recursion): a table within a table is refused, so once */
static bool add_indirect(struct virtq *q, struct virtq_chain *c, const struct desc *d)
{
    uint64_t len = d->len;
    uint8_t *table;
    bool ok;

    if (len == 0 || len % DESC_SIZE || len / DESC_SIZE > VIRTQ_SEGMENTS) {
        return false;
    }
    table = map(q, d->addr, len, 8, false);
    if (!table) {
        return false;
    }
    ok = add_table(q, c, table, (unsigned)(len / DESC_SIZE), 0, true);
    address_space_unmap(q->as, table, len, false, 0);
    return ok;
}

/* NOLINTNEXTLINE(misc-no-recursion): a table within a table is refused, so once */
static bool add_table(struct virtq *q, struct virtq_chain *c, const uint8_t *table, unsigned count,
                      unsigned first, bool indirect)
{
    unsigned n = first;

    for (unsigned steps = 0; steps < count && n < count; steps++) {
        struct desc d = read_desc(table, n);

        if (d.flags & DESC_INDIRECT) {
            return !indirect && !(d.flags & DESC_NEXT) && add_indirect(q, c, &d);
        }
        if (!add_buffer(q, c, &d)) {
            return false;
        }
        if (!(d.flags & DESC_NEXT)) {
            return true;
        }
        n = d.next;
    }
    return false; /* a loop, or out of the table */
}

static void release(struct virtq *q, struct virtq_chain *c, uint64_t written)
{
    for (unsigned i = 0; i < c->out + c->in; i++) {
        const struct virtq_segment *s = &c->segment[i];
        bool in = i >= c->out;
        uint64_t part = in && written < s->len ? written : s->len;

        address_space_unmap(q->as, s->host, s->len, in, in ? part : 0);
        written -= in ? part : 0;
    }
}

/* Whether there is a chain; if not, the driver is asked to notify. */
static bool more(struct virtq *q)
{
    uint16_t index = load16(q->avail + RING_INDEX, memory_order_acquire);

    if (index == q->last_avail && q->event_index) {
        store16(q->used + RING_ENTRIES + q->size * 8L, q->last_avail, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        index = load16(q->avail + RING_INDEX, memory_order_acquire);
    }
    if ((uint16_t)(index - q->last_avail) > q->size) {
        q->broken = true;
    }
    return !q->broken && index != q->last_avail;
}

bool virtq_pop(struct virtq *q, struct virtq_chain *c)
{
    c->out = c->in = 0;
    c->out_len = c->in_len = 0;
    if (!q->ready || q->broken || !more(q)) {
        return false;
    }
    c->head = load16(q->avail + RING_ENTRIES + 2L * (q->last_avail & (q->size - 1)),
                     memory_order_relaxed);
    if (c->head >= q->size || !add_table(q, c, q->desc, q->size, c->head, false)) {
        release(q, c, 0);
        q->broken = true;
        return false;
    }
    q->last_avail++;
    return true;
}

void virtq_push(struct virtq *q, struct virtq_chain *c, uint64_t written)
{
    uint8_t *entry = q->used + RING_ENTRIES + 8L * (q->used_index & (q->size - 1));

    release(q, c, written);
    store32(entry, c->head);
    store32(entry + 4, (uint32_t)(written < c->in_len ? written : c->in_len));
    q->used_index++;
    store16(q->used + RING_INDEX, q->used_index, memory_order_release);
}

void virtq_drop(struct virtq *q, struct virtq_chain *c)
{
    release(q, c, 0);
    c->out = c->in = 0;
}

bool virtq_wants_interrupt(struct virtq *q)
{
    uint16_t old = q->told, event;

    if (!q->ready || q->broken || old == q->used_index) {
        return false;
    }
    q->told = q->used_index;
    atomic_thread_fence(memory_order_seq_cst);
    if (!q->event_index) {
        return !(load16(q->avail + RING_FLAGS, memory_order_relaxed) & AVAIL_NO_INTERRUPT);
    }
    event = load16(q->avail + RING_ENTRIES + q->size * 2L, memory_order_relaxed);
    return (uint16_t)(q->used_index - event - 1) < (uint16_t)(q->used_index - old);
}

/* The part of segment i from *offset on, of at most len bytes; NULL: none, and *offset
 * is what is left of it behind the segment. */
static uint8_t *part_of(const struct virtq_segment *s, uint64_t *offset, uint64_t *len)
{
    uint8_t *host;

    if (*offset >= s->len) {
        *offset -= s->len;
        return NULL;
    }
    host = s->host + *offset;
    *len = s->len - *offset < *len ? s->len - *offset : *len;
    *offset = 0;
    return host;
}

uint64_t virtq_copy_out(const struct virtq_chain *c, uint64_t offset, void *to, uint64_t len)
{
    uint64_t done = 0;

    for (unsigned i = 0; i < c->out && done < len; i++) {
        uint64_t part = len - done;
        const uint8_t *host = part_of(&c->segment[i], &offset, &part);

        if (host) {
            memcpy((uint8_t *)to + done, host, part);
            done += part;
        }
    }
    return done;
}

uint64_t virtq_copy_in(struct virtq_chain *c, uint64_t offset, const void *from, uint64_t len)
{
    uint64_t done = 0;

    for (unsigned i = c->out; i < c->out + c->in && done < len; i++) {
        uint64_t part = len - done;
        uint8_t *host = part_of(&c->segment[i], &offset, &part);

        if (host) {
            memcpy(host, (const uint8_t *)from + done, part);
            done += part;
        }
    }
    return done;
}
