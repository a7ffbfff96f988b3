/* Where indirect jumps and jumps to other pages find their target's translation:
 * per vCPU, a few tables of (RIP, host address), one for each mode that was in
 * use lately. Generated code looks into the table of the current mode itself.
 *
 * An entry says: in this mode, with CS base 0 and the current page tables, the
 * code at `pc` is the TB whose entry is `host`. So it goes with the mappings:
 * who changes those flushes. */
#ifndef MORTISE_X86SYS_JUMP_CACHE_H
#define MORTISE_X86SYS_JUMP_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct sys_cpu;
struct tb;

#define SYS_JUMP_BITS    16
#define SYS_JUMP_ENTRIES (1u << SYS_JUMP_BITS)
/* The kernel, the kernel with AC set, either in an interrupt shadow, user level. */
#define SYS_JUMP_TABLES 6

/* The entry of a pc: by a product's upper bits, as functions begin at multiples of 16
 * and pages hold few of them. Generated code computes the same (branch.c). */
#define SYS_JUMP_FACTOR 0x9e3779b1u
static inline unsigned sys_jump_index(uint64_t pc)
{
    return (uint32_t)pc * SYS_JUMP_FACTOR >> (32 - SYS_JUMP_BITS);
}

struct sys_jump {
    uint64_t pc;             /* offset in CS; written and read by the vCPU's thread only */
    _Atomic(uintptr_t) host; /* tb->checked, or the miss stub; others store the latter */
};

#define SYS_JUMP_NOTED      2048
#define SYS_JUMP_PAGE_WORDS 1024
struct sys_jump_table {
    uint32_t mode;                       /* enum sys_mode of its entries */
    bool any_global;                     /* some entry may be global */
    bool any_page;                       /* some bit of those is set: */
    uint64_t pages[SYS_JUMP_PAGE_WORDS]; /* bit: a hash of the linear pages of entries */
    /* Entries of global pages outlive a switch of address spaces. */
    uint64_t global[SYS_JUMP_ENTRIES / 64];
    /* How often another one was filled since they were last emptied, up to NOTED + 1,
     * and which, so that to empty them it costs no more than that. */
    uint32_t filled;
    uint16_t noted[SYS_JUMP_NOTED];
    struct sys_jump e[SYS_JUMP_ENTRIES];
};

struct sys_jump_cache {
    uint32_t next;     /* table to be given up next */
    atomic_bool stale; /* the code cache was flushed: all entries are to go */
    struct sys_jump_table table[SYS_JUMP_TABLES];
};

/* All entries empty: they are all zeroes. Before the vCPU is registered; after
 * sys_engine_init. */
void sys_jump_cache_init(struct sys_cpu *cpu);

/* Mappings have changed: all of them, or of the 4 KiB page of `linear` only (for
 * a large page flush all). vCPU's thread. */
void sys_jump_cache_flush(struct sys_cpu *cpu);
void sys_jump_cache_flush_non_global(struct sys_cpu *cpu);
void sys_jump_cache_flush_page(struct sys_cpu *cpu, uint64_t linear);

/* Makes the table of cpu->mode the one that generated code uses. */
void sys_jump_cache_select(struct sys_cpu *cpu);
/* Remembers a TB of the current mode; its pages are mapped as they are now. Inside. */
void sys_jump_cache_set(struct sys_cpu *cpu, struct tb *tb);

/* For exec: see tb_jump_cache.c. */
void sys_jump_cache_forget(struct cpu *cpu, struct tb *tb);
void sys_jump_cache_reset(struct cpu *cpu);

#endif
