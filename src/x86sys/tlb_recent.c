/* Filling and clearing the slots of recent.c. By the vCPU's thread.
 *
 * A fill comes after so many misses. If it took long until there were so many, the
 * page that the slot has is a good one for most accesses, and stays: so it may take
 * longer the next time. If not, the slot gets the page that is asked for now; and if
 * that has gone on for a while, there is no good page, and the next fill comes later.
 *
 * The stack is another matter, as it moves from page to page: where it is asked for now
 * it will be for a while. */
#include "x86sys/host_asm.h"
#include "exec/memory.h"
#include "exec/tb.h"
#include "x86sys/walk.h"

#define MISSES         16
#define STACK_MISSES   12
#define RARE           50 /* host TSC ticks from one miss to the next: about as many as one costs */
#define MAX_SHIFT      8
#define MAX_SHIFT_GOOD 5

static void set_limits(struct sys_tlb_recent *r, bool write, uint64_t size)
{
    static const uint64_t class_size[SYS_RECENT_CLASSES] = {8, 64, 256};

    for (unsigned c = 0; c < SYS_RECENT_CLASSES; c++) {
        atomic_store_explicit(&r->limit[write][c], size ? size - class_size[c] + 1 : 0,
                              memory_order_relaxed);
    }
}

static void copy_entry(struct sys_tlb_recent *r, const struct sys_tlb_entry *e, uint64_t tag)
{
    uint64_t ram = atomic_load_explicit(&e->ram, memory_order_relaxed) & ~(GUEST_PAGE_SIZE - 1);

    set_limits(r, true, 0);
    atomic_store_explicit(&r->ram, ram, memory_order_relaxed);
    r->tag = tag;
    r->host = e->host;
    r->delta = e->host - tag;
    set_limits(r, false, GUEST_PAGE_SIZE);
    if (atomic_load_explicit(&e->write, memory_order_relaxed) == tag) {
        set_limits(r, true, GUEST_PAGE_SIZE);
        /* Between the limits and the look, as in sys_tlb_fill. */
        atomic_thread_fence(memory_order_seq_cst);
        if (memory_ram_has_code(ram)) {
            set_limits(r, true, 0);
        }
    }
}

/* Whether the slot's page is to make room for another one. */
static bool gives_way(struct sys_tlb_recent *r, bool stack)
{
    uint64_t now = sys_host_tsc();
    int misses = stack ? STACK_MISSES : MISSES;
    bool often = (int64_t)(now - r->since) < (int64_t)RARE * misses << r->shift;
    uint8_t most = often ? MAX_SHIFT : stack ? 0 : MAX_SHIFT_GOOD;

    if (often != r->often) {
        r->shift = 0;
    } else if (r->shift < most) {
        r->shift++;
    }
    r->often = often;
    r->misses = misses << r->shift;
    r->since = now;
    return often || stack;
}

void sys_tlb_recent_fill(struct sys_cpu *cpu, uint64_t linear, unsigned slot)
{
    unsigned mmu = (cpu->mode & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT;
    const struct sys_tlb_entry *e = &cpu->tlb.e[mmu][sys_tlb_index(linear)];
    struct sys_tlb_recent *r = &cpu->tlb.recent[mmu][slot];
    uint64_t tag = linear & ~(GUEST_PAGE_SIZE - 1);

    if (atomic_load_explicit(&e->read, memory_order_relaxed) != tag) {
        return;
    }
    bool other = cpu->tlb.recent_used[mmu] & 1u << slot && r->tag != tag;
    if (other && (r->misses >= 0 || !gives_way(r, slot == SYS_RECENT_STACK))) {
        return;
    }
    if (r->misses < 0) {
        r->misses = MISSES;
    }
    cpu->tlb.recent_used[mmu] |= 1u << slot;
    copy_entry(r, e, tag);
}

void sys_tlb_recent_clear(struct sys_tlb *tlb)
{
    for (unsigned mmu = 0; mmu < SYS_MMU_MODES; mmu++) {
        for (uint32_t used = tlb->recent_used[mmu]; used; used &= used - 1) {
            struct sys_tlb_recent *r = &tlb->recent[mmu][__builtin_ctz(used)];

            set_limits(r, false, 0);
            set_limits(r, true, 0);
            /* Entries may have stayed, so that misses alone lead to the next fill. */
            r->misses = r->misses < MISSES ? r->misses : MISSES;
        }
        tlb->recent_used[mmu] = 0;
    }
}
