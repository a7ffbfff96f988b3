/* TBs as a whole: publishing one, invalidating those of a range, dropping
 * all of them. See tb_hash.c, tb_template.c, tb_page.c, tb_chain.c and tb_jump_cache.c for
 * the five places where a TB is known.
 *
 * Order. A TB enters the page lists before the hash table, so that from the
 * first moment it can be found and run, it can be invalidated. On the way out
 * `invalid` comes first, after which nobody finds it, chains it or caches it
 * for good; the rest is tidying up. */
#include "exec/exclusive.h"
#include "exec/tb_internal.h"

/* Statistics; tb_flushes also tells one generation of TBs from the next. */
static _Atomic(uint64_t) tb_inserted, tb_invalidated, tb_flushes;

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
        tb_template_remove(tb);
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
        code_region_forget_memory();
    } else {
        tb_hash_reset();
    }
    tb_template_reset();
    tb_page_reset();
    code_region_reset_all();
    tb_jump_cache_reset_all();
    /* Pairs with the acquire in tb_flush_count. */
    atomic_fetch_add_explicit(&tb_flushes, 1, memory_order_release);
}

/* An exclusive section keeps vCPUs from running and looking up, the mmap_lock
 * keeps threads outside from translating and invalidating. */
void tb_flush_exclusive(void)
{
    mmap_lock();
    tb_reset(false);
    mmap_unlock();
}

uint64_t tb_flush_count(void)
{
    return atomic_load_explicit(&tb_flushes, memory_order_acquire);
}

/* The check before the exclusive section spares the world a stop, when others
 * have found the cache full at the same time; the one inside decides. */
static void flush_work(struct cpu *cpu, void *opaque)
{
    (void)opaque;
    if (tb_flush_count() == cpu->full_at) {
        start_exclusive();
        if (tb_flush_count() == cpu->full_at) {
            tb_flush_exclusive();
        }
        end_exclusive();
    }
}

void tb_request_flush(struct cpu *cpu)
{
    if (async_run_on_cpu(cpu, flush_work, NULL) < 0) {
        exec_out_of_memory("flush of the code cache");
    }
}

void tb_get_stats(struct code_cache_stats *stats)
{
    stats->tbs = atomic_load_explicit(&tb_inserted, memory_order_relaxed);
    stats->flushes = atomic_load_explicit(&tb_flushes, memory_order_relaxed);
    stats->invalidations = atomic_load_explicit(&tb_invalidated, memory_order_relaxed);
}
