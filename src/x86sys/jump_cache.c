/* The jump caches of system mode; jump_cache.h says what an entry means.
 *
 * The vCPU's thread writes both halves of an entry, and its generated code reads
 * them; others only replace `host` by the miss stub, when a TB is invalidated. The
 * argument of exec/tb_jump_cache.c holds: the setter stores host and then reads
 * `invalid`, the invalidator stores `invalid` and then reads host, all sequentially
 * consistent. A pc that must not match is one with another index.
 *
 * A flush of the code cache comes from another thread while this vCPU is outside,
 * where it may be flushing itself; so it leaves a mark only, which is looked at on
 * the way in. */
#include "x86sys/jump_cache.h"

#include <assert.h>

#include "exec/tb.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"
#include "x86sys/walk.h"

/* Its own entry is another one. */
static uint64_t no_pc(unsigned index)
{
    static_assert(SYS_JUMP_FACTOR >> (32 - SYS_JUMP_BITS) != 0, "1 is not in the entry of 0");
    return index == 0;
}

static unsigned page_bit(uint64_t linear)
{
    uint64_t page = linear >> GUEST_PAGE_BITS;
    return (page ^ page >> 16) % (64UL * SYS_JUMP_PAGE_WORDS);
}

static void note_page(struct sys_jump_table *table, uint64_t linear)
{
    unsigned bit = page_bit(linear);
    table->pages[bit / 64] |= UINT64_C(1) << bit % 64;
    table->any_page = true;
}

static bool is_global(const struct sys_jump_table *table, unsigned i)
{
    return table->global[i / 64] >> i % 64 & 1;
}

static void set_global(struct sys_jump_table *table, unsigned i, bool global)
{
    uint64_t bit = UINT64_C(1) << i % 64;
    table->global[i / 64] = (table->global[i / 64] & ~bit) | (global ? bit : 0);
    table->any_global |= global;
}

static void empty_if_not_global(struct sys_jump_table *table, unsigned i)
{
    if (!is_global(table, i)) {
        table->e[i].pc = no_pc(i);
    }
}

static void empty_others(struct sys_jump_table *table)
{
    bool all = table->filled > SYS_JUMP_NOTED;
    unsigned n = all ? SYS_JUMP_ENTRIES : table->filled;
    for (unsigned i = 0; i < n; i++) {
        empty_if_not_global(table, all ? i : table->noted[i]);
    }
    table->filled = 0;
}

static void empty(struct sys_jump_table *table)
{
    if (table->any_global) {
        for (unsigned w = 0; w < SYS_JUMP_ENTRIES / 64; w++) {
            table->global[w] = 0;
        }
        table->any_global = false;
        table->filled = SYS_JUMP_NOTED + 1;
    }
    empty_others(table);
    for (unsigned w = 0; w < SYS_JUMP_PAGE_WORDS && table->any_page; w++) {
        table->pages[w] = 0;
    }
    table->any_page = false;
}

/* Empties the entries from `first` on, `count` of them in address order, that are
 * for just those addresses. */
static void empty_range(struct sys_jump_table *table, uint64_t first, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        unsigned i = sys_jump_index(first + n);
        if (table->e[i].pc == first + n) {
            table->e[i].pc = no_pc(i);
        }
    }
}

/* Whether the TB's code lies in a global page, as the fetch that has just found it
 * saw. One that lies on two pages is taken for one that does not. */
static bool lies_in_global(const struct sys_cpu *cpu, const struct tb *tb)
{
    unsigned mmu = (cpu->mode & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT;
    uint64_t page = tb->pc & ~(GUEST_PAGE_SIZE - 1);
    const struct sys_tlb_entry *e =
        &cpu->tlb.code[mmu][page >> GUEST_PAGE_BITS & (SYS_TLB_CODE_ENTRIES - 1)];
    return (tb->pc & ~page) + tb->size <= GUEST_PAGE_SIZE &&
           atomic_load_explicit(&e->read, memory_order_relaxed) == page &&
           atomic_load_explicit(&e->ram, memory_order_relaxed) & SYS_PAGE_GLOBAL;
}

void sys_jump_cache_init(struct sys_cpu *cpu)
{
    struct sys_jump_cache *jc = &cpu->jump;
    for (unsigned t = 0; t < SYS_JUMP_TABLES; t++) {
        jc->table[t].mode = UINT32_MAX;
        jc->table[t].e[0].pc = no_pc(0); /* the others' is 0, as they are */
    }
    atomic_init(&jc->stale, false);
    cpu->jump_mode = UINT32_MAX;
    cpu->jump_table = jc->table[0].e;
    cpu->cpu.jump_cache = NULL;
}

void sys_jump_cache_flush(struct sys_cpu *cpu)
{
    cpu->counts[SYS_COUNT_JUMP_FLUSH]++;
    for (unsigned t = 0; t < SYS_JUMP_TABLES; t++) {
        empty(&cpu->jump.table[t]);
    }
}

void sys_jump_cache_flush_non_global(struct sys_cpu *cpu)
{
    for (unsigned t = 0; t < SYS_JUMP_TABLES; t++) {
        empty_others(&cpu->jump.table[t]);
    }
}

void sys_jump_cache_flush_page(struct sys_cpu *cpu, uint64_t linear)
{
    unsigned bit = page_bit(linear);
    uint64_t page = linear & ~(GUEST_PAGE_SIZE - 1);
    for (unsigned t = 0; t < SYS_JUMP_TABLES; t++) {
        struct sys_jump_table *table = &cpu->jump.table[t];
        if (table->pages[bit / 64] >> bit % 64 & 1) {
            /* ... and of an instruction that reaches into the page */
            empty_range(table, page - 14, 14);
            empty_range(table, page, GUEST_PAGE_SIZE);
        }
    }
}

void sys_jump_cache_select(struct sys_cpu *cpu)
{
    struct sys_jump_cache *jc = &cpu->jump;
    /* acquire: pairs with the release in sys_jump_cache_reset. */
    if (atomic_load_explicit(&jc->stale, memory_order_acquire)) {
        atomic_store_explicit(&jc->stale, false, memory_order_relaxed);
        sys_jump_cache_flush(cpu);
    }
    if (cpu->jump_mode == cpu->mode) {
        return;
    }
    struct sys_jump_table *table = NULL;
    for (unsigned t = 0; t < SYS_JUMP_TABLES && !table; t++) {
        if (jc->table[t].mode == cpu->mode) {
            table = &jc->table[t];
        }
    }
    if (!table) {
        table = &jc->table[jc->next++ % SYS_JUMP_TABLES];
        empty(table);
        table->mode = cpu->mode;
    }
    cpu->jump_mode = cpu->mode;
    cpu->jump_table = table->e;
}

void sys_jump_cache_set(struct sys_cpu *cpu, struct tb *tb)
{
    if (tb->cs != 0 || tb->flags != cpu->mode) {
        return;
    }
    sys_jump_cache_select(cpu);
    struct sys_jump_cache *jc = &cpu->jump;
    struct sys_jump_table *table = NULL;
    for (unsigned t = 0; t < SYS_JUMP_TABLES; t++) {
        if (jc->table[t].e == cpu->jump_table) {
            table = &jc->table[t];
        }
    }
    unsigned i = sys_jump_index(tb->pc);
    if (!table) {
        return;
    }
    note_page(table, tb->pc);
    note_page(table, tb->pc + tb->size - 1);
    bool global = lies_in_global(cpu, tb);
    set_global(table, i, global);
    if (!global) {
        if (table->filled < SYS_JUMP_NOTED) {
            table->noted[table->filled] = (uint16_t)i;
        }
        table->filled += table->filled <= SYS_JUMP_NOTED;
    }
    table->e[i].pc = tb->pc;
    atomic_store_explicit(&table->e[i].host, tb->checked, memory_order_seq_cst);
    if (atomic_load_explicit(&tb->invalid, memory_order_seq_cst)) {
        atomic_store_explicit(&table->e[i].host, sys_stubs.miss, memory_order_relaxed);
    }
}

void sys_jump_cache_forget(struct cpu *c, struct tb *tb)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    unsigned i = sys_jump_index(tb->pc);
    for (unsigned t = 0; t < SYS_JUMP_TABLES; t++) {
        _Atomic(uintptr_t) *host = &cpu->jump.table[t].e[i].host;
        if (atomic_load_explicit(host, memory_order_seq_cst) == tb->checked) {
            atomic_store_explicit(host, sys_stubs.miss, memory_order_relaxed);
        }
    }
}

void sys_jump_cache_reset(struct cpu *c)
{
    /* Pairs with the acquire in sys_jump_cache_select. */
    atomic_store_explicit(&sys_cpu_of(c)->jump.stale, true, memory_order_release);
}
