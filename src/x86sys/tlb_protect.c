/* A page of RAM comes to hold translated code: from then on no store to it may
 * pass unseen, else a translation would outlive the code that it was made from.
 *
 * Who stores. (1) Generated code through an entry's write tag, without looking at
 * anything else. (2) All others, who store and then look at the page's code bit
 * (exec/memory_ram.c): they need nothing from us.
 *
 * Claim: when sys_tlb_protect_ram(p) returns, no store of kind (1) to p is to
 * come. P sets p's code bit, then looks at all used entries for p (a full fence
 * between), takes their write tags, and waits for each other vCPU whose tag it has
 * taken and whose use counter is odd, until the counter has changed.
 * - A tag set later: sys_tlb_fill sets the tag and then looks at the bit, with a
 *   full fence between. So if P did not see the tag, the filler sees the bit,
 *   and takes the tag back before it returns to what would use it.
 * - The copies of entries (struct sys_tlb_recent) are no different: their limits for
 *   writing take the part of the tag.
 * - A store that was checked before the tag went: its vCPU's counter is odd from
 *   before the check until after the store. If P reads it even after it has taken
 *   the tag, the next check comes after a full fence (sys_tlb_use_begin) that
 *   comes after P's fence, and misses. If P reads it odd, it waits.
 * - An entry replaced between check and store: by its own thread only, on a slow
 *   path, and the engine checks last what an instruction stores to.
 * - An entry that becomes a victim while P looks, so that P finds the tag in
 *   neither place: the victim's tag is one that is set later.
 * - An entry reused for another page while P looks at it: P may take a tag that is
 *   not p's. That costs a miss.
 *
 * P's wait ends: a vCPU with an odd counter is on its way to an even one, as it
 * waits for nothing while odd, and has been kicked. P holds the mmap_lock; who
 * wants that is even. The vCPU stays on the list and in memory, as P is in a read
 * section from the time it found it.
 *
 * analysis/models/tlb_protect.pml checks both, on x86's store buffers. */
#include "x86sys/walk.h"

#include <sched.h>

#include <ck_pr.h>

#include "exec/tb.h"

#define SPINS 2000 /* about as long as a kicked vCPU takes, if it runs */

/* Takes the write tags for `ram` among 64 entries. */
static bool take_tags(struct sys_tlb_entry *e, unsigned first, uint64_t used, uint64_t ram)
{
    bool found = false;

    while (used) {
        unsigned i = first + (unsigned)__builtin_ctzll(used);

        used &= used - 1;
        uint64_t page = atomic_load_explicit(&e[i].ram, memory_order_relaxed);
        if ((page & ~(GUEST_PAGE_SIZE - 1)) == ram &&
            atomic_exchange_explicit(&e[i].write, sys_tlb_no_tag(i), memory_order_seq_cst) !=
                sys_tlb_no_tag(i)) {
            found = true;
        }
    }
    return found;
}

static bool take_limits(struct sys_tlb_recent *r, uint64_t ram)
{
    bool found = false;

    if (atomic_load_explicit(&r->ram, memory_order_relaxed) == ram) {
        for (unsigned c = 0; c < SYS_RECENT_CLASSES; c++) {
            found |= atomic_exchange_explicit(&r->limit[1][c], 0, memory_order_seq_cst) != 0;
        }
    }
    return found;
}

static bool take_all_tags(struct sys_tlb *tlb, uint64_t ram)
{
    bool found = false;

    for (unsigned mmu = 0; mmu < SYS_MMU_MODES; mmu++) {
        for (unsigned word = 0; word < SYS_TLB_ALL / 64; word++) {
            uint64_t used = atomic_load_explicit(&tlb->used[mmu][word], memory_order_relaxed);

            found |= take_tags(tlb->e[mmu], word * 64, used, ram);
        }
        for (unsigned slot = 0; slot < SYS_RECENT_SLOTS; slot++) {
            found |= take_limits(&tlb->recent[mmu][slot], ram);
        }
    }
    return found;
}

/* Waits until the vCPU has let go of what it had checked when its tag went. */
static void await_use(struct cpu *cpu, struct sys_tlb *tlb)
{
    uint32_t use = atomic_load_explicit(&tlb->use, memory_order_seq_cst);

    if (!(use & 1)) {
        return;
    }
    cpu_kick(cpu, CPU_EXIT_RCU);
    for (unsigned spins = 0; atomic_load_explicit(&tlb->use, memory_order_acquire) == use;
         spins++) {
        if (spins < SPINS) {
            ck_pr_stall();
        } else {
            sched_yield();
        }
    }
}

static void protect_on(struct cpu *cpu, void *opaque)
{
    const uint64_t *ram = opaque;
    struct sys_tlb *tlb = &sys_cpu_of(cpu)->tlb;

    if (take_all_tags(tlb, *ram) && cpu != current_cpu) {
        await_use(cpu, tlb);
    }
}

void sys_tlb_protect_ram(uint64_t ram)
{
    ram &= ~(GUEST_PAGE_SIZE - 1);
    if (!memory_ram_has_code(ram)) {
        /* Its full fence is the one that the claim speaks of. */
        memory_ram_set_code(ram, true);
        cpu_for_each(protect_on, &ram);
    }
}
