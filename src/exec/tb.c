/* TBs as a whole: publishing one, invalidating those of a range, dropping
 * all of them. See tb_hash.c, tb_page.c, tb_chain.c and tb_jump_cache.c for
 * the four places where a TB is known.
 *
 * Order. A TB enters the page lists before the hash table, so that from the
 * first moment it can be found and run, it can be invalidated. On the way out
 * `invalid` comes first, after which nobody finds it, chains it or caches it
 * for good; the rest is tidying up. */
#include "exec/exclusive.h"
#include "exec/tb_internal.h"

/* Statistics; tb_generation also tells one flush from the next. */
static _Atomic(uint64_t) tb_inserted, tb_invalidated, tb_generation;

static void count(_Atomic(uint64_t) *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void tb_insert(struct tb *tb)
{
    tb_page_add(tb);
    tb_hash_add(tb);
    count(&tb_inserted);
}

static void invalidate(struct tb *tb) REQUIRES(mmap_lock_cap)
{
    if (tb_chain_sever(tb)) {
        tb_hash_remove(tb);
        tb_page_remove(tb);
        tb_jump_cache_forget(tb);
        count(&tb_invalidated);
    }
}

size_t tb_invalidate_range(uint64_t start, uint64_t end)
{
    return start < end ? tb_page_for_each_in(start, end - 1, invalidate) : 0;
}

void tb_reset(bool forked)
{
    if (forked) {
        tb_hash_discard();
        tb_chain_after_fork();
    } else {
        tb_hash_reset();
    }
    tb_page_reset();
    code_region_reset_all();
    tb_jump_cache_reset_all();
    atomic_fetch_add_explicit(&tb_generation, 1, memory_order_release);
}

/* An exclusive section keeps vCPUs from running, looking up and translating,
 * but not a thread outside from invalidating: hence the mmap_lock. */
void tb_flush_exclusive(void)
{
    mmap_lock();
    tb_reset(false);
    mmap_unlock();
}

/* `generation` is the one the asker found full. The check before the
 * exclusive section spares the world a stop, the one inside decides. */
static void flush_work(struct cpu *cpu, void *generation)
{
    (void)cpu;
    if (atomic_load_explicit(&tb_generation, memory_order_acquire) != (uintptr_t)generation) {
        return;
    }
    start_exclusive();
    if (atomic_load_explicit(&tb_generation, memory_order_acquire) == (uintptr_t)generation) {
        tb_flush_exclusive();
    }
    end_exclusive();
}

void tb_request_flush(struct cpu *cpu)
{
    uintptr_t generation = atomic_load_explicit(&tb_generation, memory_order_acquire);

    if (async_run_on_cpu(cpu, flush_work, (void *)generation) < 0) {
        exec_out_of_memory("flush of the code cache");
    }
}

void tb_get_stats(struct code_cache_stats *stats)
{
    stats->tbs = atomic_load_explicit(&tb_inserted, memory_order_relaxed);
    stats->flushes = atomic_load_explicit(&tb_generation, memory_order_relaxed);
    stats->invalidations = atomic_load_explicit(&tb_invalidated, memory_order_relaxed);
}

uint64_t tb_flush_count(void)
{
    return atomic_load_explicit(&tb_generation, memory_order_acquire);
}
