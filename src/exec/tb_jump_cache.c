/* The vCPUs' jump caches: host addresses of TBs that check the guest's pc
 * before they run. Generated code reads them without a lock; the vCPU's
 * thread fills them; whoever invalidates a TB resets the entries that lead to
 * it.
 *
 * Claim: when tb_jump_cache_forget(tb) and every tb_jump_cache_set(., tb) that
 * began before it ended are over, no entry leads to tb. The setter stores the
 * entry and then reads `invalid`; the invalidator stores `invalid` (in
 * tb_chain_sever) and then reads the entry. All four are sequentially
 * consistent, so one of the two sees the other's store: either the setter
 * takes its entry back, or the invalidator finds it. The same holds for what
 * the invalidator reads on its way to the entry: the dirty bits, likewise
 * sequentially consistent, and the list of vCPUs, through the fences here
 * and in cpu_register.
 *
 * Entries lead to `checked` addresses, so a reset that hits an entry just
 * filled for another TB costs a miss and nothing else.
 *
 * analysis/models/tb_invalidate.pml checks the claim. */
#include "exec/guest_ops.h"
#include "exec/tb_internal.h"

#define GROUP (CPU_JUMP_CACHE_ENTRIES / 64) /* entries per dirty bit */

static size_t index_of(const struct tb *tb)
{
    return tb->pc % CPU_JUMP_CACHE_ENTRIES;
}

void tb_jump_cache_set(struct cpu *cpu, struct tb *tb)
{
    size_t i = index_of(tb);
    uint64_t bit = UINT64_C(1) << i / GROUP;
    uint64_t dirty = atomic_load_explicit(&cpu->jump_cache_dirty, memory_order_relaxed);

    if (!(dirty & bit)) {
        /* Only this thread sets bits, and a flush clears them only while it is
         * not inside: no read-modify-write needed. */
        atomic_store_explicit(&cpu->jump_cache_dirty, dirty | bit, memory_order_seq_cst);
    }
    atomic_store_explicit(&cpu->jump_cache[i], tb->checked, memory_order_seq_cst);
    if (atomic_load_explicit(&tb->invalid, memory_order_seq_cst)) {
        atomic_store_explicit(&cpu->jump_cache[i], cpu->jump_cache_miss, memory_order_relaxed);
    }
}

static void forget(struct cpu *cpu, void *opaque)
{
    struct tb *tb = opaque;
    if (!cpu->jump_cache) {
        guest_ops->jump_cache_forget(cpu, tb);
        return;
    }
    size_t i = index_of(tb);
    uint64_t dirty = atomic_load_explicit(&cpu->jump_cache_dirty, memory_order_seq_cst);

    if (dirty & UINT64_C(1) << i / GROUP &&
        atomic_load_explicit(&cpu->jump_cache[i], memory_order_seq_cst) == tb->checked) {
        atomic_store_explicit(&cpu->jump_cache[i], cpu->jump_cache_miss, memory_order_relaxed);
    }
}

void tb_jump_cache_forget(struct tb *tb)
{
    /* Pairs with the fence in cpu_register. */
    atomic_thread_fence(memory_order_seq_cst);
    cpu_for_each(forget, tb);
}

static void reset(struct cpu *cpu, void *opaque)
{
    (void)opaque;
    if (!cpu->jump_cache) {
        guest_ops->jump_cache_reset(cpu);
        return;
    }
    uint64_t dirty = atomic_load_explicit(&cpu->jump_cache_dirty, memory_order_relaxed);

    for (size_t group = 0; group < 64; group++) {
        for (size_t i = group * GROUP; dirty >> group & 1 && i < (group + 1) * GROUP; i++) {
            atomic_store_explicit(&cpu->jump_cache[i], cpu->jump_cache_miss, memory_order_relaxed);
        }
    }
    atomic_store_explicit(&cpu->jump_cache_dirty, 0, memory_order_relaxed);
}

/* Nobody is inside. */
void tb_jump_cache_reset_all(void)
{
    cpu_for_each(reset, NULL);
}
