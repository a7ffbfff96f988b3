/* Regions of the code cache: who translates where, and which TB a host
 * address belongs to.
 *
 * Hand-out. Each vCPU translates into one region, so that its code lies
 * together. A vCPU without one, or whose one is too full, takes, in this
 * order: a region that nobody uses and that has code in it already (left by a
 * vCPU that is gone), an untouched one, the one with the fewest users. So
 * the cache is full only when no region at all has room, however many vCPUs
 * there are. Two vCPUs in one region do not meet, since translation holds
 * the mmap_lock; `users` is a matter of taste, not of safety.
 *
 * Host addresses. Each region has an array of (code offset, TB offset) in
 * ascending order of code, since its cursor only grows. tb_from_host reads it
 * without a lock, in signal handlers too: an element is written before the
 * count that covers it is released, and neither changes until a flush, when
 * nobody is inside. */
#include "exec/code_cache.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/tsan.h"
#include "exec/tb_internal.h"
#include "locks/region_lock.h"

#define READY_CHUNK (64UL << 10) /* what is populated at a time */

#define UNIT 16UL /* alignment of code and of metadata */

/* The smallest TB there is: one unit of code and a struct tb. */
#define TB_MIN_SIZE (UNIT + ((sizeof(struct tb) + UNIT - 1) & ~(UNIT - 1)))

struct code_region {
    uintptr_t start IMMUTABLE_AFTER_INIT; /* all addresses are RX ones */
    uintptr_t end IMMUTABLE_AFTER_INIT;
    uintptr_t cursor GUARDED_BY(mmap_lock_cap);     /* code is below */
    uintptr_t promise GUARDED_BY(mmap_lock_cap);    /* metadata must stay above */
    uintptr_t meta GUARDED_BY(mmap_lock_cap);       /* metadata is above */
    uintptr_t ready_code GUARDED_BY(mmap_lock_cap); /* memory is there below */
    uintptr_t ready_meta GUARDED_BY(mmap_lock_cap); /* and above */
    unsigned users GUARDED_BY(region_lock_cap);     /* vCPUs with cpu->region here */

    /* code offset << 32 | TB offset; elements of it that may be read */
    _Atomic(uint64_t) *tbs IMMUTABLE_AFTER_INIT WRITE_GUARDED_BY(mmap_lock_cap);
    atomic_uint tb_count WRITE_GUARDED_BY(mmap_lock_cap);
};

static struct code_region *regions IMMUTABLE_AFTER_INIT;
static size_t region_count IMMUTABLE_AFTER_INIT;
static unsigned region_bits IMMUTABLE_AFTER_INIT;    /* log2 of a region's size */
static unsigned region_tbs_max IMMUTABLE_AFTER_INIT; /* elements of each `tbs` */
static atomic_size_t code_bytes;

static uintptr_t round_up(uintptr_t n)
{
    return (n + UNIT - 1) & ~(UNIT - 1);
}

/* Zeroed memory that takes space only as it is used. */
static void *map_zeroed(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

int code_region_init(uintptr_t rx, size_t region_size, size_t count, struct error *err)
{
    region_count = count;
    region_bits = (unsigned)__builtin_ctzl(region_size);
    region_tbs_max = (unsigned)(region_size / TB_MIN_SIZE);
    regions = map_zeroed(count * sizeof(*regions));
    _Atomic(uint64_t) *tbs = map_zeroed(count * region_tbs_max * sizeof(*tbs));

    if (!regions || !tbs) {
        return error_set(err, errno, "code cache: cannot map its index: %s", error_text(errno));
    }
    for (size_t i = 0; i < count; i++) {
        regions[i].start = rx + i * region_size;
        regions[i].end = regions[i].start + region_size;
        regions[i].tbs = tbs + i * region_tbs_max;
    }
    mmap_lock();
    code_region_forget_memory();
    code_region_reset_all();
    mmap_unlock();
    return 0;
}

void code_region_forget_memory(void)
{
    for (size_t i = 0; i < region_count; i++) {
        regions[i].ready_code = regions[i].start;
        regions[i].ready_meta = regions[i].end;
    }
}

size_t code_region_used(void)
{
    size_t n = 0;
    for (size_t i = 0; i < region_count; i++) {
        n += regions[i].cursor - regions[i].start + regions[i].end - regions[i].meta;
    }
    return n;
}

size_t code_region_stubs_size(void)
{
    return regions[0].start - code_cache_rx_start();
}

bool code_region_for_each_piece(bool (*fn)(uintptr_t rx, size_t len, void *opaque), void *opaque)
{
    bool ok = true;
    for (size_t i = 0; ok && i < region_count; i++) {
        const struct code_region *r = &regions[i];
        ok = fn(r->start, r->cursor - r->start, opaque) && fn(r->meta, r->end - r->meta, opaque);
    }
    return ok;
}

void code_region_keep_after_fork(struct cpu *self)
{
    region_lock();
    for (size_t i = 0; i < region_count; i++) {
        regions[i].users = self && self->region == &regions[i];
    }
    region_unlock();
}

static void forget_region(struct cpu *cpu, void *opaque)
{
    (void)opaque;
    cpu->region = NULL;
}

/* Nobody is inside, so no tb_from_host is under way; and the mmap_lock keeps
 * translation out. */
void code_region_reset_all(void)
{
    region_lock();
    for (size_t i = 0; i < region_count; i++) {
        struct code_region *r = &regions[i];

        r->cursor = r->start;
        r->promise = r->start;
        r->meta = r->end;
        r->users = 0;
        atomic_store_explicit(&r->tb_count, 0, memory_order_relaxed);
    }
    cpu_for_each(forget_region, NULL);
    region_unlock();
    atomic_store_explicit(&code_bytes, 0, memory_order_relaxed);
}

static bool has_room(const struct code_region *r, size_t bytes) REQUIRES(mmap_lock_cap)
{
    return r->meta - r->cursor >= bytes;
}

/* Whether a is a better choice than b (NULL: anything is); both have room. */
static bool is_better(const struct code_region *a, const struct code_region *b)
    REQUIRES(mmap_lock_cap, region_lock_cap)
{
    if (!b) {
        return true;
    }
    if (a->users != b->users) {
        return a->users < b->users;
    }
    return a->cursor != a->start && b->cursor == b->start;
}

/* Moves the vCPU to the best region that has room, if there is one. */
static void change_region(struct cpu *cpu, size_t bytes) REQUIRES(mmap_lock_cap)
{
    struct code_region *best = NULL;

    region_lock();
    if (cpu->region) {
        cpu->region->users--;
    }
    for (size_t i = 0; i < region_count; i++) {
        struct code_region *r = &regions[i];

        if (has_room(r, bytes) && is_better(r, best)) {
            best = r;
        }
    }
    if (best) {
        best->users++;
    }
    cpu->region = best;
    region_unlock();
}

/* Has the kernel put memory under [start, start + len) in one go: a fault for
 * each page would cost more than translating what goes into it. Where the
 * kernel can't (before 5.14), the faults come. */
static void make_ready(void *start, size_t len, int advice)
{
    (void)madvise(start, len, advice);
}

static void ready_ahead(struct code_region *r, size_t code, size_t meta) REQUIRES(mmap_lock_cap)
{
    while (r->ready_code < r->cursor + code && r->ready_code < r->end) {
        size_t len = r->end - r->ready_code < READY_CHUNK ? r->end - r->ready_code : READY_CHUNK;
        make_ready(code_rw(r->ready_code), len, MADV_POPULATE_WRITE);
        make_ready((void *)r->ready_code, len, MADV_POPULATE_READ);
        r->ready_code += len;
    }
    while (r->ready_meta > r->meta - meta && r->ready_meta > r->start) {
        size_t left = r->ready_meta - r->start;
        size_t len = left < READY_CHUNK ? left : READY_CHUNK;
        r->ready_meta -= len;
        make_ready(code_rw(r->ready_meta), len, MADV_POPULATE_WRITE);
    }
}

uint8_t *code_region_reserve(struct cpu *cpu, size_t code, size_t meta)
{
    /* Metadata comes in a few pieces, each rounded up. */
    size_t bytes = round_up(code) + round_up(meta) + 4 * UNIT;

    assert(bytes <= CODE_REGION_REQUEST_MAX + 6 * UNIT);
    if (!cpu->region || !has_room(cpu->region, bytes)) {
        change_region(cpu, bytes);
    }
    struct code_region *r = cpu->region;
    if (!r) {
        cpu->full_at = tb_flush_count();
        return NULL;
    }
    ready_ahead(r, code, meta);
    r->promise = r->cursor + code;
    return code_rw(r->cursor);
}

void *code_region_meta(struct cpu *cpu, size_t size)
{
    struct code_region *r = cpu->region;

    size = round_up(size);
    assert(r->meta - r->promise >= size);
    r->meta -= size;
    return code_rw(r->meta);
}

void code_region_commit(struct cpu *cpu, size_t size)
{
    struct code_region *r = cpu->region;

    assert(r->cursor + size <= r->meta);
    r->cursor += round_up(size);
    r->promise = r->cursor;
    atomic_fetch_add_explicit(&code_bytes, size, memory_order_relaxed);
}

/* Hands back a vCPU's region. By its thread, or after that thread's end, so it
 * is not handed another meanwhile. */
void code_region_release(struct cpu *cpu)
{
    region_lock();
    if (cpu->region) {
        cpu->region->users--;
        cpu->region = NULL;
    }
    region_unlock();
}

TSAN_SIGNAL_CODE static struct code_region *region_of(uintptr_t rx)
{
    if (!regions || rx < regions[0].start) {
        return NULL;
    }
    size_t i = (rx - regions[0].start) >> region_bits;
    return i < region_count ? &regions[i] : NULL;
}

void tb_register_host(struct tb *tb)
{
    struct code_region *r = region_of(tb->code_start);
    assert(r); /* its code has come from one */
    uint64_t code = tb->code_start - r->start;
    uint64_t meta = code_rx(tb) - r->start;
    unsigned n = atomic_load_explicit(&r->tb_count, memory_order_relaxed);

    assert(n < region_tbs_max && meta < r->end - r->start);
    assert(n == 0 || atomic_load_explicit(&r->tbs[n - 1], memory_order_relaxed) >> 32 < code);
    atomic_store_explicit(&r->tbs[n], code << 32 | meta, memory_order_relaxed);
    /* Pairs with the acquire in tb_from_host. */
    atomic_store_explicit(&r->tb_count, n + 1, memory_order_release);
}

TSAN_SIGNAL_CODE struct tb *tb_from_host(uintptr_t rx)
{
    struct code_region *r = region_of(rx);

    if (!r) {
        return NULL;
    }
    uint64_t off = rx - r->start;
    unsigned low = 0;
    /* Pairs with the release in tb_register_host. */
    unsigned high = atomic_load_explicit(&r->tb_count, memory_order_acquire);

    /* Finds the first element that begins after off; low and high enclose it. */
    while (low < high) {
        unsigned mid = low + (high - low) / 2;

        if (atomic_load_explicit(&r->tbs[mid], memory_order_relaxed) >> 32 <= off) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == 0) {
        return NULL;
    }
    uint64_t found = atomic_load_explicit(&r->tbs[low - 1], memory_order_relaxed);
    struct tb *tb = (struct tb *)(void *)code_rw(r->start + (found & UINT32_MAX));

    return rx - tb->code_start < tb->host_size ? tb : NULL;
}

void code_region_get_stats(struct code_cache_stats *stats)
{
    stats->region_size = 1UL << region_bits;
    stats->regions = region_count;
    for (size_t i = 0; i < region_count; i++) {
        stats->regions_used += atomic_load_explicit(&regions[i].tb_count, memory_order_relaxed) > 0;
    }
    stats->code_bytes = atomic_load_explicit(&code_bytes, memory_order_relaxed);
}
