/* What page walks have found, kept behind the TLB proper: its victims come back from
 * here, and so does, with PCIDs, what was known of an address space when it is
 * switched to again.
 *
 * Entries are tagged by an address-space number, which is not the PCID: a PCID gets
 * a new number whenever what is known of it has to be forgotten, which costs
 * nothing. Global pages have the number 0. A generation in each entry does the same
 * for all of them. Numbers and generations that have run out begin anew after
 * everything has been cleared.
 *
 * An entry says what the tables said (physical page and rights), not what may be
 * done: that is checked on each use, so changes of CR0.WP, SMAP, PKRU and the like
 * are none of its business. It is used only where it allows the access and needs no
 * flag set; all else is walked, as the tables may have changed to allow more.
 *
 * The cache grows when it turns over too often for its size. */
#include "x86sys/walk.h"

#include "exec/tb.h"
#include "x86sys/copy_asm.h"

#define WAYS        SYS_TLB_WALK_WAYS
#define GENERATION  (UINT64_C(0xfff) << 52)
#define FEW_SETS    128
#define LAST_NUMBER 4095 /* a number fits below a page-aligned address */

static uint32_t pcid_now(const struct sys_cpu *cpu)
{
    return cpu->cr4 & SYS_CR4_PCIDE ? cpu->cr3 & 0xfff : 0;
}

static uint64_t key_of(uint64_t linear, uint16_t number)
{
    return (linear & ~(GUEST_PAGE_SIZE - 1)) | number;
}

static struct sys_tlb_walk_set *set_of(struct sys_tlb_walks *w, uint64_t key)
{
    uint64_t hash = (key >> 12) ^ (key >> 21) ^ (key % 4096) * 0x9e37;

    return &w->set[hash & (w->sets - 1)];
}

/* The way that holds the key, or WAYS. */
static unsigned way_of(const struct sys_tlb_walks *w, const struct sys_tlb_walk_set *set,
                       uint64_t key)
{
    unsigned way = 0;

    while (way < WAYS &&
           (set->key[way] != key || ((set->value[way] ^ w->generation) & GENERATION))) {
        way++;
    }
    return way;
}

static void clear_all(struct sys_tlb_walks *w)
{
    sys_zero(w->set, sizeof(w->set));
}

static void forget_numbers(struct sys_tlb_walks *w)
{
    sys_zero(w->number_of, sizeof(w->number_of));
    w->number = 0;
}

void sys_walks_flush(struct sys_cpu *cpu)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;

    w->generation += UINT64_C(1) << 52;
    if (!w->generation) {
        clear_all(w);
        w->generation = UINT64_C(1) << 52;
    }
    w->turnover = 0;
    w->number = 0;
}

void sys_walks_init(struct sys_cpu *cpu)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;

    clear_all(w);
    forget_numbers(w);
    w->generation = UINT64_C(1) << 52;
    w->last_number = 0;
    w->sets = FEW_SETS;
    w->turnover = 0;
}

/* The number of the current address space; it gets one if it has none. */
static uint16_t number_now(struct sys_cpu *cpu)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;

    if (!w->number) {
        uint32_t pcid = pcid_now(cpu);

        if (!w->number_of[pcid]) {
            if (w->last_number == LAST_NUMBER) {
                sys_walks_flush(cpu);
                forget_numbers(w);
                w->last_number = 0;
            }
            w->number_of[pcid] = ++w->last_number;
        }
        w->number = w->number_of[pcid];
    }
    return w->number;
}

void sys_walks_switch(struct sys_cpu *cpu, bool keep)
{
    cpu->tlb.walks.number = 0;
    if (!keep) {
        cpu->tlb.walks.number_of[pcid_now(cpu)] = 0;
    }
}

void sys_walks_forget_pcid(struct sys_cpu *cpu, uint32_t pcid)
{
    cpu->tlb.walks.number_of[pcid] = 0;
    cpu->tlb.walks.number = 0;
}

void sys_walks_flush_non_global(struct sys_cpu *cpu)
{
    forget_numbers(&cpu->tlb.walks);
}

static void forget_key(struct sys_tlb_walks *w, uint64_t key)
{
    struct sys_tlb_walk_set *set = set_of(w, key);
    unsigned way = way_of(w, set, key);

    if (way < WAYS) {
        set->value[way] = 0;
    }
}

void sys_walks_flush_page(struct sys_cpu *cpu, uint64_t linear)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;

    forget_key(w, key_of(linear, number_now(cpu)));
    forget_key(w, key_of(linear, 0));
}

static bool find(struct sys_tlb_walks *w, uint64_t key, struct sys_page *page)
{
    const struct sys_tlb_walk_set *set = set_of(w, key);
    unsigned way = way_of(w, set, key);

    if (way == WAYS) {
        return false;
    }
    page->phys = set->value[way] & ~GENERATION & ~(GUEST_PAGE_SIZE - 1);
    page->rights = set->value[way] % GUEST_PAGE_SIZE;
    return true;
}

/* Twice the size, if it has been filled several times over since it last had one. */
static void grow(struct sys_cpu *cpu)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;

    if (++w->turnover > 8 * WAYS * w->sets && w->sets < SYS_TLB_WALK_SETS) {
        w->sets *= 2;
        sys_walks_flush(cpu);
    }
}

static void add(struct sys_cpu *cpu, uint64_t linear, const struct sys_page *page)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;
    bool global = page->rights & SYS_PAGE_GLOBAL;
    uint64_t key = key_of(linear, global ? 0 : number_now(cpu));
    struct sys_tlb_walk_set *set = set_of(w, key);
    unsigned way = way_of(w, set, key);

    for (unsigned i = 0; way == WAYS && i < WAYS; i++) {
        if ((set->value[i] ^ w->generation) & GENERATION) {
            way = i;
        }
    }
    if (way == WAYS) {
        way = w->turnover % WAYS;
        grow(cpu);
        key = key_of(linear, global ? 0 : number_now(cpu)); /* which grow may have changed */
        set = set_of(w, key);
    }
    set->key[way] = key;
    set->value[way] = page->phys | page->rights | w->generation;
    if (page->rights & SYS_PAGE_LARGE) {
        sys_tlb_note_large(&cpu->tlb, linear);
    }
}

bool sys_walk_cached(struct sys_cpu *cpu, uint64_t linear, uint32_t access, enum sys_mmu mmu,
                     struct sys_page *page, uint32_t *error)
{
    struct sys_tlb_walks *w = &cpu->tlb.walks;

    if (!(cpu->cr0 & SYS_CR0_PG)) {
        return sys_walk(cpu, linear, access, mmu, page, error);
    }
    if ((find(w, key_of(linear, number_now(cpu)), page) || find(w, key_of(linear, 0), page)) &&
        !sys_page_denied(cpu, page->rights, access, mmu) &&
        (!(access & SYS_WRITE) || page->rights & SYS_PAGE_DIRTY)) {
        return true;
    }
    if (!sys_walk(cpu, linear, access, mmu, page, error)) {
        return false;
    }
    add(cpu, linear, page);
    return true;
}
