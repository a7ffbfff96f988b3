/* The page walk: no paging, 32-bit, PAE, 4-level and 5-level paging (SDM 3, 4.3 to
 * 4.6, 4.8).
 *
 * It goes down to the leaf, then decides, and only then sets the accessed and
 * dirty flags, each by a compare-and-swap against the entry as it was read; if one
 * has changed meanwhile, it begins again. So a fault changes nothing, and no
 * flag is set in an entry that others have just put to another use. */
#include "x86sys/walk.h"

#include "exec/tb.h"
#include "x86sys/model.h"

enum entry_bits {
    PTE_P = 1 << 0,
    PTE_W = 1 << 1,
    PTE_U = 1 << 2,
    PTE_A = 1 << 5,
    PTE_D = 1 << 6,
    PTE_PS = 1 << 7,
    PTE_G = 1 << 8,
};
#define PTE_NX       (UINT64_C(1) << 63)
#define PTE_ADDR     UINT64_C(0x000ffffffffff000)
#define PAE_RESERVED UINT64_C(0x7ff0000000000000) /* bits 62..52, ignored in long mode */
#define PDPTE_ZERO   UINT64_C(0x1e6)              /* bits of a PAE PDPTE that must be 0 */

#define MAX_LEVELS 5

enum outcome { FOUND, ABSENT, RESERVED };

/* One entry on the way. */
struct step {
    void *host; /* NULL: not in writable RAM */
    uint64_t ram;
    uint64_t value;
};

struct walk {
    struct sys_cpu *cpu;
    uint64_t linear;
    unsigned wide; /* bytes of an entry: 4 or 8 */
    unsigned count;
    struct step step[MAX_LEVELS];
    uint64_t phys;   /* of the 4 KiB page */
    uint32_t rights; /* enum sys_page_rights */
};

enum sys_mmu sys_mmu_of(const struct sys_cpu *cpu, uint32_t access)
{
    if (access & SYS_IMPLICIT) {
        return cpu->cr4 & SYS_CR4_SMAP ? SYS_MMU_KERNEL : SYS_MMU_KERNEL_USER;
    }
    return (enum sys_mmu)((cpu->mode & SYS_MODE_MMU) >> SYS_MODE_MMU_SHIFT);
}

static bool has_nx(const struct sys_cpu *cpu)
{
    return cpu->efer & SYS_EFER_NXE && cpu->cr4 & SYS_CR4_PAE;
}

/* Reads an entry. Where there is no RAM it reads as ones. */
static uint64_t read_entry(struct walk *w, uint64_t phys) REQUIRES_SHARED(rcu_cap)
{
    struct memory_page mem = address_space_page(sys_memory_space(w->cpu), phys);
    struct step *s = &w->step[w->count++];

    *s = (struct step){.value = UINT64_MAX};
    if (!mem.host) {
        return s->value;
    }
    void *host = mem.host + phys % GUEST_PAGE_SIZE;
    /* acquire: what the guest wrote before it linked the next table. */
    s->value = w->wide == 8 ? atomic_load_explicit((_Atomic(uint64_t) *)host, memory_order_acquire)
                            : atomic_load_explicit((_Atomic(uint32_t) *)host, memory_order_acquire);
    s->host = mem.writable ? host : NULL;
    s->ram = mem.ram_addr + phys % GUEST_PAGE_SIZE;
    return s->value;
}

/* Takes a level's rights into those of all. */
static void combine(struct walk *w, uint64_t entry, bool nx)
{
    uint32_t lacks = 0;

    lacks |= entry & PTE_U ? 0 : SYS_PAGE_USER;
    lacks |= entry & PTE_W ? 0 : SYS_PAGE_WRITE;
    lacks |= nx ? SYS_PAGE_EXEC : 0;
    w->rights &= ~lacks;
}

/* Bits that have to be 0 in an entry that maps 1 << shift bytes, or leads to what
 * does. */
static uint64_t reserved_bits(const struct sys_cpu *cpu, unsigned shift, uint64_t entry,
                              bool long_mode)
{
    uint64_t reserved = PTE_ADDR & ~cpu->phys_mask;
    bool gib = !cpu->model || sys_model_has(cpu->model, SYS_FEAT_PDPE1GB);

    reserved |= long_mode ? 0 : PAE_RESERVED;
    reserved |= has_nx(cpu) ? 0 : PTE_NX;
    if (shift > 30 || (shift == 30 && !gib)) {
        reserved |= PTE_PS;
    } else if (shift > 12 && entry & PTE_PS) {
        /* Address bits below the page's size; bit 12 is PAT. */
        reserved |= ((UINT64_C(1) << shift) - 1) & ~UINT64_C(0x1fff);
    }
    return reserved;
}

/* The 4 KiB page of w->linear within the page of 1 << shift bytes that begins at
 * `base`. */
static void leaf(struct walk *w, uint64_t entry, uint64_t base, unsigned shift)
{
    uint64_t within = (UINT64_C(1) << shift) - 1;

    w->phys = (base & ~within) | (w->linear & within & ~(GUEST_PAGE_SIZE - 1));
    w->rights |= entry & PTE_D ? SYS_PAGE_DIRTY : 0;
    w->rights |= entry & PTE_G && w->cpu->cr4 & SYS_CR4_PGE ? SYS_PAGE_GLOBAL : 0;
    w->rights |= shift > 12 ? SYS_PAGE_LARGE : 0;
}

/* PAE and long mode, from the table at `table` down, whose entries cover
 * 1 << shift bytes each. */
static enum outcome walk_wide(struct walk *w, uint64_t table, unsigned shift, bool long_mode)
    REQUIRES_SHARED(rcu_cap)
{
    for (;; shift -= 9) {
        uint64_t entry = read_entry(w, table + (w->linear >> shift & 511) * 8);

        if (!(entry & PTE_P)) {
            return ABSENT;
        }
        if (entry & reserved_bits(w->cpu, shift, entry, long_mode)) {
            return RESERVED;
        }
        combine(w, entry, entry & PTE_NX);
        if (shift == 12 || entry & PTE_PS) {
            leaf(w, entry, entry & PTE_ADDR, shift);
            if (long_mode) {
                w->rights |= (uint32_t)(entry >> 59 & 15) << SYS_PAGE_KEY_SHIFT;
            }
            return FOUND;
        }
        table = entry & PTE_ADDR;
    }
}

static enum outcome walk_pae(struct walk *w) REQUIRES_SHARED(rcu_cap)
{
    uint64_t pdpte = w->cpu->pdpte[w->linear >> 30 & 3];

    return pdpte & PTE_P ? walk_wide(w, pdpte & PTE_ADDR, 21, false) : ABSENT;
}

/* 4 MiB pages have address bits 39..32 in bits 20..13 of their entry (PSE-36);
 * bit 21 has to be 0. */
static enum outcome walk_4m(struct walk *w, uint64_t entry)
{
    uint64_t base = (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;

    if (entry & 1 << 21 || base & ~w->cpu->phys_mask) {
        return RESERVED;
    }
    leaf(w, entry, base, 22);
    return FOUND;
}

static enum outcome walk_narrow(struct walk *w) REQUIRES_SHARED(rcu_cap)
{
    uint64_t table = w->cpu->cr3 & 0xfffff000;

    for (unsigned shift = 22;; shift -= 10) {
        uint64_t entry = (uint32_t)read_entry(w, table + (w->linear >> shift & 1023) * 4);

        if (!(entry & PTE_P)) {
            return ABSENT;
        }
        combine(w, entry, false);
        if (shift == 22 && entry & PTE_PS && w->cpu->cr4 & SYS_CR4_PSE) {
            return walk_4m(w, entry);
        }
        if (shift == 12) {
            leaf(w, entry, entry & 0xfffff000, 12);
            return FOUND;
        }
        table = entry & 0xfffff000;
    }
}

static enum outcome walk_tables(struct walk *w) REQUIRES_SHARED(rcu_cap)
{
    const struct sys_cpu *cpu = w->cpu;

    w->count = 0;
    w->rights = SYS_PAGE_USER | SYS_PAGE_WRITE | SYS_PAGE_EXEC;
    if (cpu->efer & SYS_EFER_LMA) {
        unsigned shift = cpu->cr4 & SYS_CR4_LA57 ? 48 : 39;
        return walk_wide(w, cpu->cr3 & PTE_ADDR & cpu->phys_mask, shift, true);
    }
    if (cpu->cr4 & SYS_CR4_PAE) {
        w->linear &= UINT32_MAX;
        return walk_pae(w);
    }
    w->linear &= UINT32_MAX;
    w->wide = 4;
    return walk_narrow(w);
}

/* Whether the page's protection key forbids the access. */
static bool key_denies(const struct sys_cpu *cpu, uint32_t rights, uint32_t access, bool user)
{
    uint32_t key = (rights & SYS_PAGE_KEY) >> SYS_PAGE_KEY_SHIFT;
    uint32_t bits = cpu->pkru >> 2 * key & 3; /* 1: no access; 2: no writes */

    if (!(cpu->cr4 & SYS_CR4_PKE) || !(cpu->efer & SYS_EFER_LMA) || !(rights & SYS_PAGE_USER) ||
        access & SYS_FETCH) {
        return false;
    }
    return bits & 1 || (bits & 2 && access & SYS_WRITE && (user || cpu->cr0 & SYS_CR0_WP));
}

/* SDM 3, 4.6.1, without the key. */
static bool allowed(const struct sys_cpu *cpu, uint32_t rights, uint32_t access, enum sys_mmu mmu)
{
    bool user = mmu == SYS_MMU_USER;
    bool user_page = rights & SYS_PAGE_USER;

    if (user && !user_page) {
        return false;
    }
    if (access & SYS_FETCH) {
        return rights & SYS_PAGE_EXEC && (user || !user_page || !(cpu->cr4 & SYS_CR4_SMEP));
    }
    if (!user && user_page && mmu == SYS_MMU_KERNEL && cpu->cr4 & SYS_CR4_SMAP) {
        return false;
    }
    return !(access & SYS_WRITE) || rights & SYS_PAGE_WRITE || (!user && !(cpu->cr0 & SYS_CR0_WP));
}

uint32_t sys_page_denied(const struct sys_cpu *cpu, uint32_t rights, uint32_t access,
                         enum sys_mmu mmu)
{
    bool key = key_denies(cpu, rights, access, mmu == SYS_MMU_USER);

    if (!(cpu->cr0 & SYS_CR0_PG) || (!key && allowed(cpu, rights, access, mmu))) {
        return 0;
    }
    return SYS_PF_PRESENT | (key ? (uint32_t)SYS_PF_KEY : 0);
}

/* The bits of an error code that say how the access was made. */
static uint32_t access_bits(const struct sys_cpu *cpu, uint32_t access, enum sys_mmu mmu)
{
    uint32_t bits = 0;

    bits |= access & SYS_WRITE ? SYS_PF_WRITE : 0;
    bits |= mmu == SYS_MMU_USER ? SYS_PF_USER : 0;
    if (access & SYS_FETCH && (cpu->cr4 & SYS_CR4_SMEP || has_nx(cpu))) {
        bits |= SYS_PF_FETCH;
    }
    return bits;
}

/* Sets flags in an entry; false if it has changed since it was read. */
static bool entry_set(const struct walk *w, const struct step *s, uint64_t bits)
{
    uint64_t wide = s->value;
    uint32_t narrow = (uint32_t)s->value;
    bool done;

    if ((s->value & bits) == bits || !s->host) {
        return true;
    }
    if (w->wide == 8) {
        done = atomic_compare_exchange_strong_explicit((_Atomic(uint64_t) *)(void *)s->host, &wide,
                                                       wide | bits, memory_order_acq_rel,
                                                       memory_order_relaxed);
    } else {
        done = atomic_compare_exchange_strong_explicit((_Atomic(uint32_t) *)(void *)s->host,
                                                       &narrow, (uint32_t)(s->value | bits),
                                                       memory_order_acq_rel, memory_order_relaxed);
    }
    if (done) {
        sys_ram_written(w->cpu, s->ram, w->wide);
    }
    return done;
}

/* Sets A on all levels and, for a write, D in the leaf. */
static bool set_flags(struct walk *w, bool write)
{
    for (unsigned i = 0; i < w->count; i++) {
        bool is_leaf = i + 1 == w->count;

        if (!entry_set(w, &w->step[i], is_leaf && write ? PTE_A | PTE_D : PTE_A)) {
            return false;
        }
    }
    w->rights |= write ? SYS_PAGE_DIRTY : 0;
    return true;
}

static void no_paging(uint64_t linear, struct sys_page *page)
{
    page->phys = linear & UINT32_MAX & ~(GUEST_PAGE_SIZE - 1);
    page->rights = SYS_PAGE_USER | SYS_PAGE_WRITE | SYS_PAGE_EXEC | SYS_PAGE_DIRTY;
}

/* Field by field: an initialiser would be a call of memset, for the steps. */
static void walk_init(struct walk *w, struct sys_cpu *cpu, uint64_t linear)
{
    w->cpu = cpu;
    w->linear = linear;
    w->phys = 0;
    w->wide = 8;
}

bool sys_walk(struct sys_cpu *cpu, uint64_t linear, uint32_t access, enum sys_mmu mmu,
              struct sys_page *page, uint32_t *error)
{
    struct walk w;

    walk_init(&w, cpu, linear);
    if (!(cpu->cr0 & SYS_CR0_PG)) {
        no_paging(linear, page);
        return true;
    }
    do {
        enum outcome outcome = walk_tables(&w);

        *error = outcome == RESERVED ? SYS_PF_PRESENT | SYS_PF_RESERVED : 0;
        if (outcome == FOUND) {
            *error = sys_page_denied(cpu, w.rights, access, mmu);
        }
        if (outcome != FOUND || *error) {
            *error |= access_bits(cpu, access, mmu);
            return false;
        }
    } while (!set_flags(&w, access & SYS_WRITE));
    page->phys = w.phys;
    page->rights = w.rights;
    return true;
}

bool sys_walk_peek(struct sys_cpu *cpu, uint64_t linear, uint64_t *phys)
{
    struct walk w;
    struct sys_page page;
    bool found = true;

    walk_init(&w, cpu, linear);
    if (!(cpu->cr0 & SYS_CR0_PG)) {
        no_paging(linear, &page);
        w.phys = page.phys;
    } else {
        rcu_read_lock();
        found = walk_tables(&w) == FOUND;
        rcu_read_unlock();
    }
    *phys = w.phys | linear % GUEST_PAGE_SIZE;
    return found;
}

bool sys_pdpte_load(struct sys_cpu *cpu, uint64_t cr3)
{
    uint64_t loaded[4];

    for (unsigned i = 0; i < 4; i++) {
        uint64_t reserved = PDPTE_ZERO | PAE_RESERVED | PTE_NX | (PTE_ADDR & ~cpu->phys_mask);

        if (!sys_phys_read(cpu, (cr3 & 0xffffffe0) + 8UL * i, &loaded[i], 8)) {
            loaded[i] = UINT64_MAX;
        }
        if (loaded[i] & PTE_P && loaded[i] & reserved) {
            return false;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        cpu->pdpte[i] = loaded[i];
    }
    return true;
}
