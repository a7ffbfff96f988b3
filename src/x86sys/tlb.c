/* Filling and flushing the TLB. By the vCPU's thread.
 *
 * An entry lets writes pass only if the page may be written, is dirty in its page
 * table, lies in RAM, and holds no translated code. tlb_protect.c says how the
 * last is kept true while pages come to hold code. */
#include "x86sys/walk.h"

#include <string.h>

#include "exec/tb.h"
#include "x86sys/emulate.h"
#include "x86sys/interrupt.h"

static unsigned code_index_of(uint64_t linear)
{
    return linear >> GUEST_PAGE_BITS & (SYS_TLB_CODE_ENTRIES - 1);
}

/* Flags of an entry, below its RAM address: the page's rights. */
static uint64_t entry_flags(const struct sys_page *page)
{
    return page->rights & (SYS_PAGE_GLOBAL | SYS_PAGE_LARGE);
}

static void note_large(struct sys_tlb *tlb, uint64_t linear, const struct sys_page *page)
{
    if (page->rights & SYS_PAGE_LARGE) {
        sys_tlb_note_large(tlb, linear);
    }
}

static void entry_clear(struct sys_tlb_entry *e, unsigned index)
{
    atomic_store_explicit(&e->write, sys_tlb_no_tag(index), memory_order_relaxed);
    atomic_store_explicit(&e->read, sys_tlb_no_tag(index), memory_order_relaxed);
}

/* Makes entry i one for the page at `tag`; returns whether it lets writes pass. */
static bool enter(struct sys_tlb *tlb, enum sys_mmu mmu, unsigned i, uint64_t tag, uint64_t ram,
                  uint64_t host, bool writes)
{
    struct sys_tlb_entry *e = &tlb->e[mmu][i];
    _Atomic(uint64_t) *used = &tlb->used[mmu][i / 64];
    uint64_t bits = atomic_load_explicit(used, memory_order_relaxed);

    atomic_store_explicit(used, bits | UINT64_C(1) << i % 64, memory_order_relaxed);
    entry_clear(e, i);
    atomic_store_explicit(&e->ram, ram, memory_order_relaxed);
    e->host = host;
    atomic_store_explicit(&e->read, tag, memory_order_relaxed);
    if (writes) {
        /* A full fence between the tag and the look: see tlb_protect.c. */
        atomic_exchange_explicit(&e->write, tag, memory_order_seq_cst);
        if (memory_ram_has_code(ram & ~(GUEST_PAGE_SIZE - 1))) {
            atomic_store_explicit(&e->write, sys_tlb_no_tag(i), memory_order_relaxed);
            writes = false;
        }
    }
    return writes;
}

/* The page that is about to lose entry i stays as a victim. */
static void keep_victim(struct sys_tlb *tlb, enum sys_mmu mmu, unsigned i, uint64_t new_tag)
{
    const struct sys_tlb_entry *e = &tlb->e[mmu][i];
    uint64_t tag = atomic_load_explicit(&e->read, memory_order_relaxed);

    if (tag != new_tag && tag != sys_tlb_no_tag(i)) {
        enter(tlb, mmu, sys_tlb_victim(tag), tag,
              atomic_load_explicit(&e->ram, memory_order_relaxed), e->host,
              atomic_load_explicit(&e->write, memory_order_relaxed) == tag);
    }
}

bool sys_tlb_fill(struct sys_cpu *cpu, enum sys_mmu mmu, uint64_t linear,
                  const struct sys_page *page, const struct memory_page *mem)
{
    unsigned i = sys_tlb_index(linear);
    uint64_t tag = linear & ~(GUEST_PAGE_SIZE - 1);
    bool writes = mem->writable && page->rights & SYS_PAGE_DIRTY &&
                  !memory_ram_has_code(mem->ram_addr) &&
                  !sys_page_denied(cpu, page->rights, SYS_WRITE, mmu);

    keep_victim(&cpu->tlb, mmu, i, tag);
    if (sys_debug_watches(cpu, linear)) {
        entry_clear(&cpu->tlb.e[mmu][i], i);
        return false;
    }
    note_large(&cpu->tlb, linear, page);
    return enter(&cpu->tlb, mmu, i, tag, mem->ram_addr | entry_flags(page), (uintptr_t)mem->host,
                 writes);
}

void sys_tlb_fill_code(struct sys_cpu *cpu, enum sys_mmu mmu, uint64_t linear,
                       const struct sys_page *page, const struct memory_page *mem)
{
    unsigned i = code_index_of(linear);
    struct sys_tlb_entry *e = &cpu->tlb.code[mmu][i];

    atomic_store_explicit(&e->ram, mem->ram_addr | entry_flags(page), memory_order_relaxed);
    e->host = (uintptr_t)mem->host;
    atomic_store_explicit(&e->read, linear & ~(GUEST_PAGE_SIZE - 1), memory_order_relaxed);
    cpu->tlb.code_used[mmu] |= UINT64_C(1) << i;
    note_large(&cpu->tlb, linear, page);
}

/* Which entries a flush is about. */
struct choice {
    bool global; /* global ones too */
    bool large;  /* those of large pages in the same GiB as `linear` only */
    uint64_t linear;
};

static bool chosen(const struct choice *c, const struct sys_tlb_entry *e)
{
    uint64_t flags = atomic_load_explicit(&e->ram, memory_order_relaxed) % GUEST_PAGE_SIZE;
    uint64_t tag = atomic_load_explicit(&e->read, memory_order_relaxed);

    if (c->large) {
        return flags & SYS_PAGE_LARGE && (tag ^ c->linear) >> 30 == 0;
    }
    return c->global || !(flags & SYS_PAGE_GLOBAL);
}

/* Clears the chosen ones of 64 entries; returns which are left. */
static uint64_t clear_word(struct sys_tlb_entry *e, unsigned first, uint64_t used,
                           const struct choice *c)
{
    uint64_t left = used;

    while (used) {
        unsigned bit = (unsigned)__builtin_ctzll(used);

        used &= used - 1;
        if (chosen(c, &e[first + bit])) {
            entry_clear(&e[first + bit], first + bit);
            left &= ~(UINT64_C(1) << bit);
        }
    }
    return left;
}

static void clear_chosen(struct sys_tlb *tlb, const struct choice *c)
{
    sys_tlb_recent_clear(tlb);
    for (unsigned mmu = 0; mmu < SYS_MMU_MODES; mmu++) {
        for (unsigned word = 0; word < SYS_TLB_ALL / 64; word++) {
            _Atomic(uint64_t) *used = &tlb->used[mmu][word];
            uint64_t bits = atomic_load_explicit(used, memory_order_relaxed);

            if (bits) {
                bits = clear_word(tlb->e[mmu], word * 64, bits, c);
                atomic_store_explicit(used, bits, memory_order_relaxed);
            }
        }
        tlb->code_used[mmu] = clear_word(tlb->code[mmu], 0, tlb->code_used[mmu], c);
    }
}

void sys_tlb_run_begin(struct sys_cpu *cpu)
{
    sys_tlb_use_begin(&cpu->tlb);
    sys_tlb_sync(cpu);
}

void sys_tlb_run_end(struct sys_cpu *cpu)
{
    sys_tlb_use_end(&cpu->tlb);
}

void sys_tlb_init(struct sys_cpu *cpu)
{
    for (unsigned mmu = 0; mmu < SYS_MMU_MODES; mmu++) {
        for (unsigned i = 0; i < SYS_TLB_ALL; i++) {
            entry_clear(&cpu->tlb.e[mmu][i], i);
        }
        for (unsigned i = 0; i < SYS_TLB_CODE_ENTRIES; i++) {
            entry_clear(&cpu->tlb.code[mmu][i], i);
        }
        for (unsigned word = 0; word < SYS_TLB_ALL / 64; word++) {
            atomic_init(&cpu->tlb.used[mmu][word], 0);
        }
        cpu->tlb.code_used[mmu] = 0;
        cpu->tlb.recent_used[mmu] = UINT32_MAX % (1u << SYS_RECENT_SLOTS);
    }
    sys_tlb_recent_clear(&cpu->tlb);
    memset(cpu->tlb.large, 0, sizeof(cpu->tlb.large));
    cpu->tlb.victim_run = SYS_TLB_VICTIM_RUN;
    atomic_init(&cpu->tlb.use, 0);
    sys_walks_init(cpu);
}

void sys_tlb_flush(struct sys_cpu *cpu)
{
    const struct choice all = {.global = true};

    clear_chosen(&cpu->tlb, &all);
    memset(cpu->tlb.large, 0, sizeof(cpu->tlb.large));
    sys_walks_flush(cpu);
    sys_jump_cache_flush(cpu);
}

/* Of the tables that are looked up first, which know of no address spaces. */
static void clear_non_global(struct sys_cpu *cpu)
{
    const struct choice others = {.global = false};

    clear_chosen(&cpu->tlb, &others);
    sys_jump_cache_flush_non_global(cpu);
}

void sys_tlb_flush_non_global(struct sys_cpu *cpu)
{
    clear_non_global(cpu);
    sys_walks_flush_non_global(cpu);
}

void sys_tlb_switch(struct sys_cpu *cpu, bool keep)
{
    clear_non_global(cpu);
    sys_walks_switch(cpu, keep);
}

void sys_tlb_flush_pcid(struct sys_cpu *cpu, uint32_t pcid)
{
    if (pcid == (cpu->cr4 & SYS_CR4_PCIDE ? cpu->cr3 & 0xfff : 0)) {
        clear_non_global(cpu);
    }
    sys_walks_forget_pcid(cpu, pcid);
}

static void clear_if_tagged(struct sys_tlb_entry *e, unsigned index, uint64_t tag)
{
    if (atomic_load_explicit(&e->read, memory_order_relaxed) == tag) {
        entry_clear(e, index);
    }
}

void sys_tlb_flush_page(struct sys_cpu *cpu, uint64_t linear)
{
    uint64_t tag = linear & ~(GUEST_PAGE_SIZE - 1);

    for (unsigned mmu = 0; mmu < SYS_MMU_MODES; mmu++) {
        unsigned i = sys_tlb_index(linear), v = sys_tlb_victim(linear);
        unsigned c = code_index_of(linear);

        clear_if_tagged(&cpu->tlb.e[mmu][i], i, tag);
        clear_if_tagged(&cpu->tlb.e[mmu][v], v, tag);
        clear_if_tagged(&cpu->tlb.code[mmu][c], c, tag);
    }
    sys_tlb_recent_clear(&cpu->tlb);
    if (sys_tlb_may_be_large(&cpu->tlb, linear)) {
        const struct choice large = {.large = true, .linear = linear};

        clear_chosen(&cpu->tlb, &large);
        sys_walks_flush(cpu);
        sys_jump_cache_flush(cpu);
    } else {
        sys_walks_flush_page(cpu, linear);
        sys_jump_cache_flush_page(cpu, linear);
    }
}

static void request_flush(struct cpu *cpu, void *unused)
{
    (void)unused;
    sys_cpu_interrupt(cpu, SYS_INT_TLB, 0);
}

void sys_tlb_memory_changed(void *unused)
{
    cpu_for_each(request_flush, unused);
}
