/* Direct jumps between TBs.
 *
 * An exit leads either to its stub or to another TB (`to`), and its rel32
 * says the same as its `to`; an exit that leads to a TB is on that TB's
 * incoming list. tb_chain_lock guards all of it. A TB's `invalid` is set
 * under the lock, and tb_chain refuses TBs that have it, so from then on no
 * jump into or out of the TB is made, and the ones that were there are undone
 * in the same critical section: a vCPU that still runs the TB leaves it at
 * its next exit, loops included.
 *
 * A rel32 lies within one aligned 8-byte word of code, and vCPUs may be
 * executing it: it is replaced by one aligned store of the word, of which
 * every vCPU sees all or nothing. The other bytes of the word do not change
 * meanwhile, as fields are patched under the lock only, and code is complete
 * before its exits are known to anybody.
 *
 * analysis/models/tb_chain.pml checks this, against look-ups, invalidation and
 * flushes. */
#include <assert.h>

#include "exec/tb_internal.h"
#include "locks/fork.h"

LOCK_CLASS_DEFINE(tb_chain_lock_class, RANK_LEAF);
struct spinlock tb_chain_lock = SPINLOCK_INIT(&tb_chain_lock_class);

/* Makes the jump whose rel32 is at `field` go to `target`. */
static void patch_jump(uintptr_t field, uintptr_t target) REQUIRES(tb_chain_lock)
{
    unsigned shift = (unsigned)(field & 7) * 8;
    uint64_t mask = UINT64_C(0xffffffff) << shift;
    uint64_t rel = (uint32_t)(target - (field + 4));

    assert((field & 7) <= 4);
    _Atomic(uint64_t) *word = (_Atomic(uint64_t) *)(void *)code_rw(field & ~(uintptr_t)7);
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);

    /* release: a vCPU that follows the jump finds the target's code, which
     * the lock, or the translator's insertion, has ordered before us. */
    atomic_store_explicit(word, (old & ~mask) | rel << shift, memory_order_release);
}

/* Where the exit is to enter `to`. */
static uintptr_t entry_for(const struct tb_exit *exit, const struct tb *to)
{
    uintptr_t entry = exit->aside ? to->checked : to->host;

    return to->pc > exit->from->pc && !exit->polls ? entry + to->onward[exit->aside] : entry;
}

static void link_exit(struct tb_exit *exit, struct tb *to) REQUIRES(tb_chain_lock)
{
    exit->to = to;
    exit->next_incoming = to->incoming;
    exit->link_incoming = &to->incoming;
    if (to->incoming) {
        to->incoming->link_incoming = &exit->next_incoming;
    }
    to->incoming = exit;
    patch_jump(exit->field, entry_for(exit, to));
}

static void unlink_exit(struct tb_exit *exit) REQUIRES(tb_chain_lock)
{
    patch_jump(exit->field, exit->stub);
    *exit->link_incoming = exit->next_incoming;
    if (exit->next_incoming) {
        exit->next_incoming->link_incoming = exit->link_incoming;
    }
    exit->to = NULL;
}

void tb_chain(struct tb_exit *exit, struct tb *to)
{
    spinlock_lock(&tb_chain_lock);
    if (!exit->to && !exit->inside &&
        !atomic_load_explicit(&exit->from->invalid, memory_order_relaxed) &&
        !atomic_load_explicit(&to->invalid, memory_order_relaxed)) {
        link_exit(exit, to);
    }
    spinlock_unlock(&tb_chain_lock);
}

bool tb_chain_sever(struct tb *tb)
{
    spinlock_lock(&tb_chain_lock);
    bool first = !atomic_load_explicit(&tb->invalid, memory_order_relaxed);

    if (first) {
        /* seq_cst: see tb_jump_cache.c. */
        atomic_store_explicit(&tb->invalid, true, memory_order_seq_cst);
        while (tb->incoming) {
            unlink_exit(tb->incoming);
        }
        for (unsigned i = 0; i < tb->exit_count; i++) {
            struct tb_exit *exit = &tb->exits[i];

            if (exit->to) {
                unlink_exit(exit);
            } else if (exit->inside) {
                patch_jump(exit->field, exit->stub);
            }
        }
    }
    spinlock_unlock(&tb_chain_lock);
    return first;
}

void tb_chain_hold_across_fork(void)
{
    locks_fork_add_spinlock(&tb_chain_lock);
}

void tb_chain_after_fork(void)
{
    spinlock_init(&tb_chain_lock, &tb_chain_lock_class);
}
