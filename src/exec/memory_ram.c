/* The memory behind RAM and ROM regions, and its address space of its own.
 *
 * A block of RAM gets the next free RAM addresses, which are never used again.
 * It has one reference of its region and one of each mapping for DMA; the last to
 * go takes the block out of the table, and frees it after a grace period, as
 * readers of the table may still hold it.
 *
 * Code pages. A bit per page says that it holds translated code. A translator
 * sets the bit and then reads the page; who writes to RAM stores and then reads
 * the bit. Between the two on either side is a full fence, so that at least one
 * sees the other: the translator reads the new bytes, or the writer finds the bit
 * and invalidates, for which it waits for the mmap_lock, which the translator
 * holds until the translation is published. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "exec/memory_internal.h"
#include "exec/tb.h"
#include "locks/mutex.h"

#define RAM_SPACE  (UINT64_C(1) << 44) /* RAM addresses there are: 16 TiB */
#define HUGE_PAGE  (UINT64_C(2) << 20)
#define CODE_WORDS (RAM_SPACE / GUEST_PAGE_SIZE / 64)

struct ram_block {
    struct rcu_head rcu;
    uint8_t *host IMMUTABLE_AFTER_INIT;
    uint64_t ram_addr IMMUTABLE_AFTER_INIT;
    uint64_t size IMMUTABLE_AFTER_INIT;
    atomic_uint refs;
};

/* All blocks by ascending address; replaced as a whole. */
struct ram_table {
    struct rcu_head rcu;
    size_t count IMMUTABLE_AFTER_INIT;
    struct ram_block *block[] IMMUTABLE_AFTER_INIT;
};

LOCK_CLASS_DEFINE(ram_table_class, RANK_LEAF);
static struct mutex ram_table_lock = MUTEX_INIT(&ram_table_class);
static struct ram_table *ram_table RCU_PROTECTED; /* changed under the lock */
static uint64_t ram_end GUARDED_BY(ram_table_lock);

/* Set once, with the first block; takes memory only where bits are set. */
static _Atomic(_Atomic(uint64_t) *) code_bits;

/* Reserved memory, aligned for huge pages where it is large enough for them. */
static void *memory_reserve(uint64_t size)
{
    uint64_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
    uint8_t *p;

    if (size > SIZE_MAX - slack) {
        return NULL;
    }
    p = mmap(NULL, size + slack, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    if (slack) {
        uint64_t head = -(uintptr_t)p % HUGE_PAGE;

        if (head) {
            munmap(p, head);
        }
        if (slack > head) {
            munmap(p + head + size, slack - head);
        }
        p += head;
        madvise(p, size, MADV_HUGEPAGE);
    }
    return p;
}

static bool code_bits_make(void) REQUIRES(ram_table_lock)
{
    if (!atomic_load_explicit(&code_bits, memory_order_relaxed)) {
        void *p = mmap(NULL, CODE_WORDS * 8, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED) {
            return false;
        }
        atomic_store_explicit(&code_bits, p, memory_order_release);
    }
    return true;
}

static void table_free(struct rcu_head *head)
{
    free((char *)head - offsetof(struct ram_table, rcu));
}

/* Replaces the table by one with `add` at its end, or without `drop`. `fresh` has
 * room for it. */
static void table_replace(struct ram_table *fresh, struct ram_block *add,
                          const struct ram_block *drop) REQUIRES(ram_table_lock)
{
    struct ram_table *old = rcu_dereference_locked(ram_table);
    size_t n = 0;

    for (size_t i = 0; old && i < old->count; i++) {
        if (old->block[i] != drop) {
            fresh->block[n++] = old->block[i];
        }
    }
    if (add) {
        fresh->block[n++] = add;
    }
    fresh->count = n;
    rcu_assign_pointer(ram_table, fresh);
    if (old) {
        call_rcu(&old->rcu, table_free);
    }
}

static struct ram_table *table_alloc(void) REQUIRES(ram_table_lock)
{
    const struct ram_table *old = rcu_dereference_locked(ram_table);
    size_t room = (old ? old->count : 0) + 1;

    return malloc(sizeof(struct ram_table) + room * sizeof(struct ram_block *));
}

static int block_enter(struct ram_block *block) REQUIRES(ram_table_lock)
{
    struct ram_table *fresh = table_alloc();

    if (!fresh || !code_bits_make() || block->size > RAM_SPACE - ram_end) {
        free(fresh);
        return -ENOMEM;
    }
    block->ram_addr = ram_end;
    ram_end += block->size;
    table_replace(fresh, block, NULL);
    return 0;
}

int ram_block_new(struct ram_block **out, uint64_t size, struct error *err)
{
    struct ram_block *block = calloc(1, sizeof(*block));
    int ret;

    assert(size % GUEST_PAGE_SIZE == 0);
    if (!block) {
        return error_set(err, ENOMEM, "guest memory: %s", error_text(ENOMEM));
    }
    block->size = size;
    block->host = size ? memory_reserve(size) : NULL;
    atomic_init(&block->refs, 1);
    mutex_lock(&ram_table_lock);
    ret = block->host ? block_enter(block) : -ENOMEM;
    mutex_unlock(&ram_table_lock);
    if (ret < 0) {
        if (block->host) {
            munmap(block->host, size);
        }
        free(block);
        return error_set(err, -ret, "guest memory of %llu MiB: %s",
                         (unsigned long long)(size >> 20), error_text(-ret));
    }
    *out = block;
    return 0;
}

uint8_t *ram_block_host(const struct ram_block *block)
{
    return block->host;
}

uint64_t ram_block_addr(const struct ram_block *block)
{
    return block->ram_addr;
}

void ram_block_get(struct ram_block *block)
{
    atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
}

static void block_free(struct rcu_head *head)
{
    struct ram_block *block = (void *)((char *)head - offsetof(struct ram_block, rcu));

    munmap(block->host, block->size);
    free(block);
}

void ram_block_put(struct ram_block *block)
{
    /* release and acquire: the others' accesses come before the memory goes. */
    if (atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    mutex_lock(&ram_table_lock);
    struct ram_table *fresh = table_alloc();
    if (fresh) {
        table_replace(fresh, NULL, block);
    }
    mutex_unlock(&ram_table_lock);
    /* Without memory for the table the block is kept for good. */
    if (fresh) {
        call_rcu(&block->rcu, block_free);
    }
}

struct ram_block *ram_block_of(const void *host)
{
    struct ram_block *found = NULL;

    rcu_read_lock();
    const struct ram_table *table = rcu_dereference(ram_table);
    for (size_t i = 0; table && i < table->count; i++) {
        if ((uintptr_t)host - (uintptr_t)table->block[i]->host < table->block[i]->size) {
            found = table->block[i];
        }
    }
    rcu_read_unlock();
    return found;
}

uint8_t *memory_ram_host(uint64_t ram_addr)
{
    uint8_t *host = NULL;

    rcu_read_lock();
    const struct ram_table *table = rcu_dereference(ram_table);
    for (size_t i = 0; table && i < table->count; i++) {
        const struct ram_block *block = table->block[i];

        if (ram_addr - block->ram_addr < block->size) {
            host = block->host + (ram_addr - block->ram_addr);
        }
    }
    rcu_read_unlock();
    return host;
}

static _Atomic(uint64_t) *code_word(uint64_t ram_addr)
{
    /* Pairs with the release in code_bits_make. */
    _Atomic(uint64_t) *bits = atomic_load_explicit(&code_bits, memory_order_acquire);
    uint64_t word = ram_addr / GUEST_PAGE_SIZE / 64;

    return bits && word < CODE_WORDS ? bits + word : NULL;
}

static uint64_t code_bit(uint64_t ram_addr)
{
    return UINT64_C(1) << ram_addr / GUEST_PAGE_SIZE % 64;
}

bool memory_ram_has_code(uint64_t ram_addr)
{
    const _Atomic(uint64_t) *word = code_word(ram_addr);

    return word && atomic_load_explicit(word, memory_order_acquire) & code_bit(ram_addr);
}

void memory_ram_set_code(uint64_t ram_addr, bool has)
{
    _Atomic(uint64_t) *word = code_word(ram_addr);

    if (!word) {
        return;
    }
    /* A full fence: see the top. */
    if (has) {
        atomic_fetch_or_explicit(word, code_bit(ram_addr), memory_order_seq_cst);
    } else {
        atomic_fetch_and_explicit(word, ~code_bit(ram_addr), memory_order_seq_cst);
    }
}

/* Whether a page of [ram_addr, last] has code; looks at 64 pages at a time. */
static bool has_code_in(uint64_t ram_addr, uint64_t last)
{
    uint64_t page = ram_addr / GUEST_PAGE_SIZE, end = last / GUEST_PAGE_SIZE;

    while (page <= end) {
        const _Atomic(uint64_t) *word = code_word(page * GUEST_PAGE_SIZE);

        if (!word) {
            return false;
        }
        uint64_t bits = atomic_load_explicit(word, memory_order_acquire) >> page % 64;
        uint64_t left = end - page;
        if (left < 63) {
            bits &= (UINT64_C(2) << left) - 1;
        }
        if (bits) {
            return true;
        }
        page = (page | 63) + 1;
    }
    return false;
}

bool memory_ram_written(uint64_t ram_addr, uint64_t len)
{
    size_t gone = 0;

    /* The stores come before the look at the bits: see the top. */
    atomic_thread_fence(memory_order_seq_cst);
    if (len && has_code_in(ram_addr, ram_addr + len - 1)) {
        mmap_lock();
        gone = tb_invalidate_range(ram_addr, ram_addr + len);
        mmap_unlock();
    }
    return gone > 0;
}
