/* The page walk, and what of it the TLB keeps. Only for this room's memory files. */
#ifndef MORTISE_X86SYS_WALK_H
#define MORTISE_X86SYS_WALK_H

#include "exec/memory.h"
#include "x86sys/state.h"

/* What all levels together allow, and what is known of the leaf. Fits below a
 * page-aligned address. */
enum sys_page_rights {
    SYS_PAGE_USER = 1 << 0,
    SYS_PAGE_WRITE = 1 << 1,
    SYS_PAGE_EXEC = 1 << 2,
    SYS_PAGE_DIRTY = 1 << 3,
    SYS_PAGE_GLOBAL = 1 << 4,
    SYS_PAGE_LARGE = 1 << 5,
    SYS_PAGE_KEY = 15 << 8, /* protection key */
};
#define SYS_PAGE_KEY_SHIFT 8

enum sys_page_fault {
    SYS_PF_PRESENT = 1 << 0,
    SYS_PF_WRITE = 1 << 1,
    SYS_PF_USER = 1 << 2,
    SYS_PF_RESERVED = 1 << 3,
    SYS_PF_FETCH = 1 << 4,
    SYS_PF_KEY = 1 << 5,
};

/* A 4 KiB page of guest linear memory. */
struct sys_page {
    uint64_t phys;
    uint32_t rights;
};

/* The mmu mode of an access: the current one, but for SYS_IMPLICIT. */
enum sys_mmu sys_mmu_of(const struct sys_cpu *cpu, uint32_t access);

/* Whether an access may be made: 0, or the error code's bits for why not. */
uint32_t sys_page_denied(const struct sys_cpu *cpu, uint32_t rights, uint32_t access,
                         enum sys_mmu mmu);

/* Walks the page tables for an access, sets A and, for a write, D in them. False:
 * *error is the page fault's error code, and nothing has been changed. In a read
 * section. */
bool sys_walk(struct sys_cpu *cpu, uint64_t linear, uint32_t access, enum sys_mmu mmu,
              struct sys_page *page, uint32_t *error) REQUIRES_SHARED(rcu_cap);

/* The same, by way of what earlier walks have found (tlb_walks.c). */
bool sys_walk_cached(struct sys_cpu *cpu, uint64_t linear, uint32_t access, enum sys_mmu mmu,
                     struct sys_page *page, uint32_t *error) REQUIRES_SHARED(rcu_cap);
/* For tlb.c: forgets all; all but global pages; one page of this address space and
 * the global one there; a PCID; changes over to the PCID of CR3. */
void sys_walks_init(struct sys_cpu *cpu);
void sys_walks_flush(struct sys_cpu *cpu);
void sys_walks_flush_non_global(struct sys_cpu *cpu);
void sys_walks_flush_page(struct sys_cpu *cpu, uint64_t linear);
void sys_walks_forget_pcid(struct sys_cpu *cpu, uint32_t pcid);
void sys_walks_switch(struct sys_cpu *cpu, bool keep);

/* Physical memory as the CPU sees it now (SMM). */
static inline struct address_space *sys_memory_space(const struct sys_cpu *cpu)
{
    return cpu->in_smm && cpu->smram ? cpu->smram : cpu->memory;
}

/* tlb.c: enters the page, which lies in RAM or ROM, for data accesses; returns
 * whether the entry lets writes pass. For fetches. In a read section that `mem`
 * was found in. */
bool sys_tlb_fill(struct sys_cpu *cpu, enum sys_mmu mmu, uint64_t linear,
                  const struct sys_page *page, const struct memory_page *mem);
void sys_tlb_fill_code(struct sys_cpu *cpu, enum sys_mmu mmu, uint64_t linear,
                       const struct sys_page *page, const struct memory_page *mem);

/* Flushes if the memory map has changed. First thing in a read section that is
 * going to use the TLB: what a map before the last contained may be gone. */
static inline void sys_tlb_sync(struct sys_cpu *cpu) REQUIRES_SHARED(rcu_cap)
{
    /* acquire: pairs with the release of who sets it, after the new map's publication. */
    if (__builtin_expect(atomic_load_explicit(&cpu->interrupt, memory_order_acquire) & SYS_INT_TLB,
                         0)) {
        atomic_fetch_and_explicit(&cpu->interrupt, ~(unsigned)SYS_INT_TLB, memory_order_acq_rel);
        sys_tlb_flush(cpu);
    }
}

/* phys.c: bytes of one page of physical memory, RAM or devices; with the latter,
 * the read section of the caller's caller is left, so none is held here. A
 * store invalidates translations. */
void sys_phys_load(struct sys_cpu *cpu, uint64_t phys, void *buf, uint32_t size);
void sys_phys_store(struct sys_cpu *cpu, uint64_t phys, const void *buf, uint32_t size);

/* The vCPU has stored to RAM otherwise than through a write tag. */
void sys_ram_written(struct sys_cpu *cpu, uint64_t ram, uint64_t len);

#endif
