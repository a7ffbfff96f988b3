/* The table of valid TBs by guest address and mode.
 *
 * A fixed number of buckets, each a chain through tb->hash_next. Readers take
 * no lock: a TB's fields are written before the release store that links it,
 * and a TB that is unlinked keeps its own hash_next, so a reader standing on
 * it walks on; it is never linked anew, so no walk goes round in a circle.
 * Nothing is freed while a reader may be inside: TBs go, and buckets are
 * cleared, by a flush in an exclusive section only. So the table needs no
 * grace periods of its own. Writers hold the mmap_lock.
 *
 * Why not ck_hs: its code lies in a library built with vector instructions,
 * and lookups run while the guest's vector state is in the registers; and
 * the number of TBs is bounded by the cache's size, so there is no need to
 * grow. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "exec/tb_internal.h"

/* Tables from this size on are worth huge pages: that of a machine, whose look-ups would
 * mostly miss the host's TLB, not that of a program, which is to start soon. */
#define HUGE_FROM (4UL << 20)

static struct {
    _Atomic(struct tb *) *bucket IMMUTABLE_AFTER_INIT WRITE_GUARDED_BY(mmap_lock_cap);
    unsigned bits IMMUTABLE_AFTER_INIT; /* log2 of the number of buckets */
} hash;

static size_t bucket_count(void)
{
    return 1UL << hash.bits;
}

int tb_hash_init(size_t cache_size, size_t tb_size, struct error *err)
{
    unsigned bits = 10;

    while ((1UL << bits) < cache_size / tb_size) {
        bits++;
    }
    hash.bits = bits;
    void *p = mmap(NULL, bucket_count() * sizeof(*hash.bucket), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return error_set(err, errno, "code cache: cannot map its hash table: %s",
                         error_text(errno));
    }
    hash.bucket = p;
    if (bucket_count() * sizeof(*hash.bucket) >= HUGE_FROM) {
        (void)madvise(p, bucket_count() * sizeof(*hash.bucket), MADV_HUGEPAGE);
    }
    return 0;
}

static inline _Atomic(struct tb *) *bucket_of(uint64_t pc, uint32_t flags)
{
    uint64_t key = (pc >> TB_HASH_NEAR) + (pc >> TB_HASH_FAR) + flags * 0x9e3779b9UL;

    return &hash.bucket[key & (bucket_count() - 1)];
}

/* System mode: aliases and address spaces that have other code at the same
 * address share a bucket. */
struct tb *tb_lookup_key(const struct tb_key *key)
{
    /* Both acquires pair with the release in tb_hash_add. */
    struct tb *tb = atomic_load_explicit(bucket_of(key->pc, key->flags), memory_order_acquire);

    while (tb) {
        if (tb->pc == key->pc && tb->ram == key->ram && tb->flags == key->flags &&
            tb->cs == key->cs && !atomic_load_explicit(&tb->invalid, memory_order_acquire)) {
            return tb;
        }
        tb = atomic_load_explicit(&tb->hash_next, memory_order_acquire);
    }
    return NULL;
}

struct tb_hash_view tb_hash_get_view(void)
{
    return (struct tb_hash_view){.buckets = (uintptr_t)hash.bucket, .bits = hash.bits};
}

struct tb *tb_lookup(uint64_t pc, uint32_t flags)
{
    /* Both acquires pair with the release in tb_hash_add. */
    struct tb *tb = atomic_load_explicit(bucket_of(pc, flags), memory_order_acquire);

    while (tb) {
        if (tb->pc == pc && tb->flags == flags &&
            !atomic_load_explicit(&tb->invalid, memory_order_acquire)) {
            return tb;
        }
        tb = atomic_load_explicit(&tb->hash_next, memory_order_acquire);
    }
    return NULL;
}

void tb_hash_add(struct tb *tb)
{
    _Atomic(struct tb *) *bucket = bucket_of(tb->pc, tb->flags);

    atomic_store_explicit(&tb->hash_next, atomic_load_explicit(bucket, memory_order_relaxed),
                          memory_order_relaxed);
    /* Pairs with the acquires in tb_lookup. */
    atomic_store_explicit(bucket, tb, memory_order_release);
}

void tb_hash_remove(struct tb *tb)
{
    _Atomic(struct tb *) *link = bucket_of(tb->pc, tb->flags);
    struct tb *at;

    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != tb) {
        if (!at) {
            return; /* it was never inserted */
        }
        link = &at->hash_next;
    }
    /* What follows has been released to readers before; release again, for
     * readers that have not come through tb. */
    atomic_store_explicit(link, atomic_load_explicit(&tb->hash_next, memory_order_relaxed),
                          memory_order_release);
}

void tb_hash_reset(void)
{
    for (size_t i = 0; i < bucket_count(); i++) {
        atomic_store_explicit(&hash.bucket[i], NULL, memory_order_relaxed);
    }
}

void tb_hash_discard(void)
{
    /* The pages read as zeroes from now on, and were not copied for it. */
    if (madvise(hash.bucket, bucket_count() * sizeof(*hash.bucket), MADV_DONTNEED) < 0) {
        tb_hash_reset();
    }
}
