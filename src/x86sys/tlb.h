/* The softmmu TLB: guest linear page to host page, one per vCPU, looked up by
 * generated code inline and filled by the page walk.
 *
 * Entry for an access at linear address a in mmu mode m: tlb.e[m][(a >> 12) &
 * (SYS_TLB_ENTRIES - 1)]. It hits if a - tag <= 4096 - size (unsigned), with
 * the tag for reading or writing; then the host address is a - tag + host. An
 * access that crosses a page misses by itself. A tag that must not hit is the
 * address of a page with another index (sys_tlb_no_tag).
 *
 * Two pages with one index would throw each other out at each access. So the
 * entry that a fill replaces is kept as a victim, in a second table with another
 * index (sys_tlb_victim), behind the first one; a miss of generated code looks
 * there before it calls C.
 *
 * The vCPU's thread writes entries; other threads only store no-hit values to
 * write tags (a page gets translations: sys_tlb_protect_ram). A vCPU may then be
 * between its check and its store, so who protects a page waits for those whose
 * tag it has taken: the vCPU's `use` counter is odd while it may hold an address
 * that it has checked (sys_tlb_use_begin, _end), and a kick (CPU_EXIT_RCU) makes
 * it even for a moment. Hence three rules for the engine:
 * - it is odd while generated code runs (sys_tlb_run_begin, _end), and even
 *   whenever the thread may block: for mmap_lock above all, and for the BQL;
 * - an instruction with several accesses checks the one that it stores to last;
 * - in one instruction no checked address is kept across a call that makes it
 *   even (a slow path that meets a device).
 * tlb_protect.c has the argument. */
#ifndef MORTISE_X86SYS_TLB_H
#define MORTISE_X86SYS_TLB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotations.h"
#include "locks/mmap_lock.h"
#include "rcu/rcu.h"

struct address_space;
struct sys_cpu;

enum sys_mmu {
    SYS_MMU_KERNEL,      /* supervisor; SMAP, if on, forbids user pages */
    SYS_MMU_KERNEL_USER, /* supervisor with user pages allowed (SMAP off, or RFLAGS.AC) */
    SYS_MMU_USER,
    SYS_MMU_MODES
};

#define SYS_TLB_BITS    10
#define SYS_TLB_ENTRIES (1u << SYS_TLB_BITS)
#define SYS_TLB_VICTIMS 512u
#define SYS_TLB_ALL     (SYS_TLB_ENTRIES + SYS_TLB_VICTIMS)
/* So many accesses pass by victims, and the next one enters its page anew: it may
 * be the one that is in use. */
#define SYS_TLB_VICTIM_RUN 64u

struct sys_tlb_entry {
    _Atomic(uint64_t) read;  /* tag: page address */
    _Atomic(uint64_t) write; /* not hitting for read-only, clean, code and MMIO pages */
    uint64_t host;           /* host address of the page */
    _Atomic(uint64_t) ram;   /* RAM address of the page (exec/memory.h) plus flags for C */
};

#define SYS_TLB_CODE_ENTRIES 64
#define SYS_TLB_LARGE_WORDS  64

/* Copies of entries that certain accesses try first, at places of their own whatever
 * the address is: see recent.c. It hits if a - tag < limit (unsigned), with the limit
 * for reading or writing and for accesses of up to 8, 64 or 256 bytes. Other threads
 * only store 0 to the limits for writing, as they do no-hit values to write tags. */
#define SYS_RECENT_SLOTS   8 /* a power of two */
#define SYS_RECENT_STACK   1 /* the slot of RSP; 0 stands for none */
#define SYS_RECENT_CLASSES 3
struct sys_tlb_recent {
    uint64_t tag, host;
    uint64_t delta; /* host - tag */
    _Atomic(uint64_t) ram;
    _Atomic(uint64_t) limit[2][SYS_RECENT_CLASSES]; /* [1]: for writing; 0: never hits */
    /* Until it is filled anew: see tlb_recent.c. */
    int32_t misses; /* so many are left */
    uint8_t shift;
    bool often;
    uint64_t since; /* host TSC */
};

/* Page walks that are remembered: see tlb_walks.c. */
#define SYS_TLB_WALK_WAYS 4
#define SYS_TLB_WALK_SETS 2048 /* at most; a power of two */
#define SYS_PCIDS         4096
struct sys_tlb_walk_set {
    uint64_t key[SYS_TLB_WALK_WAYS];   /* linear page, and number of the address space */
    uint64_t value[SYS_TLB_WALK_WAYS]; /* generation, physical page, rights; 0: empty */
};
struct sys_tlb_walks {
    uint64_t generation; /* in bits 63..52 */
    uint32_t sets;       /* in use */
    uint32_t turnover;   /* entries thrown out since it has had this size */
    uint16_t number;     /* of the current address space; 0: see number_of */
    uint16_t last_number;
    uint16_t number_of[SYS_PCIDS]; /* 0: nothing is known of the PCID */
    _Alignas(64) struct sys_tlb_walk_set set[SYS_TLB_WALK_SETS];
};

struct sys_tlb {
    struct sys_tlb_entry e[SYS_MMU_MODES][SYS_TLB_ALL];
    /* The same for fetches by the translator and the interpreter of system
     * instructions, by linear page; see tlb.c. */
    struct sys_tlb_entry code[SYS_MMU_MODES][SYS_TLB_CODE_ENTRIES];
    struct sys_tlb_recent recent[SYS_MMU_MODES][SYS_RECENT_SLOTS];
    /* Bit: the entry may hit. */
    _Atomic(uint64_t) used[SYS_MMU_MODES][SYS_TLB_ALL / 64]; /* read by others too */
    uint64_t code_used[SYS_MMU_MODES];
    uint32_t recent_used[SYS_MMU_MODES];
    /* Bit: pages of large ones have come from a GiB with this hash. To forget one page
     * of such a GiB is to forget all, so it is to be rare that another one is taken for
     * it: a kernel's address space is laid out at random. */
    uint64_t large[SYS_TLB_LARGE_WORDS];
    _Atomic(uint32_t) use;
    uint32_t victim_run; /* accesses by victims until one is entered anew; counted down by
                            the stub */
    struct sys_tlb_walks walks;
};

static inline unsigned sys_tlb_large_bit(uint64_t linear)
{
    uint64_t gib = linear >> 30;

    return (gib ^ gib >> 12) % (UINT64_C(64) * SYS_TLB_LARGE_WORDS);
}

static inline void sys_tlb_note_large(struct sys_tlb *tlb, uint64_t linear)
{
    unsigned bit = sys_tlb_large_bit(linear);

    tlb->large[bit / 64] |= UINT64_C(1) << bit % 64;
}

static inline bool sys_tlb_may_be_large(const struct sys_tlb *tlb, uint64_t linear)
{
    unsigned bit = sys_tlb_large_bit(linear);

    return tlb->large[bit / 64] >> bit % 64 & 1;
}

/* Around generated code: see the top. By the vCPU's thread. */
static inline void sys_tlb_use_begin(struct sys_tlb *tlb)
{
    /* A full fence: the tags are read after it. Pairs with tlb_protect.c. */
    atomic_fetch_add_explicit(&tlb->use, 1, memory_order_seq_cst);
}

static inline void sys_tlb_use_end(struct sys_tlb *tlb)
{
    /* release: what was stored through checked addresses comes before. */
    atomic_fetch_add_explicit(&tlb->use, 1, memory_order_release);
}

/* Where in e[] the page of `linear` is entered, and where it is kept as a victim. */
static inline unsigned sys_tlb_index(uint64_t linear)
{
    return linear >> 12 & (SYS_TLB_ENTRIES - 1);
}

static inline unsigned sys_tlb_victim(uint64_t linear)
{
    uint64_t page = linear >> 12;

    return SYS_TLB_ENTRIES + ((page ^ page >> SYS_TLB_BITS) & (SYS_TLB_VICTIMS - 1));
}

/* A page that neither index function maps to `index`. */
static inline uint64_t sys_tlb_no_tag(unsigned index)
{
    return (uint64_t)((index ^ 1u) & (SYS_TLB_ENTRIES - 1)) << 12;
}

/* How an access is made: for permission checks and error codes. */
enum sys_access {
    SYS_READ = 1 << 0,
    SYS_WRITE = 1 << 1, /* with READ: read-modify-write, checked as a write */
    SYS_FETCH = 1 << 2,
    SYS_IMPLICIT =
        1 << 3, /* by the CPU itself (descriptor tables, TSS): supervisor, whatever CPL */
    SYS_UNALIGNED = 1 << 4, /* no #AC, or it is looked after elsewhere */
    SYS_PORT = 1 << 6,      /* of a port, not of memory: for breakpoints */
    SYS_LOCKED = 1 << 5,    /* with READ and WRITE: nobody stores in between */
};

/* A data access that generated code can't make in place. The slow path fills
 * sys_bounce_data for reads, hands out its address, and for writes the commit stores it
 * back. Up to 4096 bytes: XSAVE areas. */
#define SYS_BOUNCE_MAX 4096
struct sys_bounce {
    uint64_t linear;
    uint32_t size;
    uint32_t access;
    uint32_t head;    /* bytes on the first page */
    bool in_place;    /* the access was made in RAM itself; commit looks after translations */
    uint64_t phys[2]; /* of the first byte, and of the second page */
    uint64_t ram;     /* in_place: RAM address of the first byte */
    _Alignas(64) uint8_t data[SYS_BOUNCE_MAX];
};

/* Where in `data` the access is made: within a cache line as far in as in the guest, since
 * of a masked operand that must be aligned only the selected part is in here. What lies
 * across two lines is at the beginning, so that the host's locked accesses never do. */
static inline uint8_t *sys_bounce_data(struct sys_bounce *b)
{
    uint32_t at = b->linear % 64;
    return b->data + (at + b->size <= 64 ? at : 0);
}

/* --- for generated code, through the slow-path stub (vCPU's thread, inside; what
 * is not RAM is accessed between sys_outside_begin and _end of inside.h, as the
 * BQL is not to be taken inside) --- */

/* The host address at which generated code may make the access of `size` bytes
 * at `linear`: RAM, with the TLB filled for the next time, or the bounce buffer.
 * *commit: the write must be followed by sys_access_commit at once; the address
 * may be in RAM even then (pages with code: so locked accesses stay atomic there).
 * 0: an exception is in cpu->exception (nothing has happened). The mmu mode is the
 * current one. What is locked and goes by the bounce buffer is in an exclusive section
 * until the commit; 0 without an exception then: it is to be tried again. */
uintptr_t sys_access_begin(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                           bool *commit);
/* Stores what the bounce buffer holds, and invalidates translations of what was
 * stored to. False: exception (possible only where
 * sys_access_begin could not know). */
bool sys_access_commit(struct sys_cpu *cpu);

/* --- for C code that executes instructions (vCPU's thread) --- */

/* Copies between guest linear memory and buf, wherever it lies (RAM or MMIO),
 * crossing pages if need be. Atomic for aligned sizes up to 8 in RAM. False: an
 * exception is in cpu->exception; a write that fails has written nothing.
 * With SYS_IMPLICIT as a supervisor. Linear addresses are not checked for being
 * canonical here (sys_linear does it). */
bool sys_mem_read(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t size, uint32_t access);
bool sys_mem_write(struct sys_cpu *cpu, uint64_t linear, const void *buf, uint32_t size,
                   uint32_t access);
/* Whether the access would succeed; raises the exception if not. Fills the TLB. */
bool sys_mem_probe(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access);

/* The host address of [linear, linear + size) in RAM for the access, which must
 * not cross a page, or NULL without an exception (MMIO, code page, or it faults:
 * use sys_mem_*). For string instructions. Good until the next call that may meet
 * a device. After stores through it: sys_mem_host_written. */
void *sys_mem_host(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access);
void sys_mem_host_written(struct sys_cpu *cpu, uint64_t linear, uint32_t size);

/* Copies up to len bytes of code at linear; returns how many there are before
 * the first page that can't be fetched or is a device's. If 0 is returned, a #PF is
 * in cpu->exception, or *ram is SYS_NO_RAM: a device. *ram is otherwise the RAM
 * address of the first byte. */
#define SYS_NO_RAM UINT64_MAX
uint32_t sys_fetch(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t len, uint64_t *ram);
/* The same from a device, within a page: read once, not to be kept. No lock held.
 * 0: #PF, or it is no device's any more. */
uint32_t sys_fetch_device(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t len);
/* The RAM address of the code at linear, for looking TBs up; false: #PF raised. */
bool sys_fetch_ram(struct sys_cpu *cpu, uint64_t linear, uint64_t *ram);

/* Physical memory without side effects on the TLB, for debuggers: false if the page
 * is not mapped. */
bool sys_walk_peek(struct sys_cpu *cpu, uint64_t linear, uint64_t *phys);
/* PAE paging: loads cpu->pdpte from CR3 value cr3; false, with nothing changed, if a
 * reserved bit is set (#GP is the caller's). At loads of CR3, and where CR0 or CR4
 * switch PAE paging on (SDM 3, 4.4.1). */
bool sys_pdpte_load(struct sys_cpu *cpu, uint64_t cr3);

/* Devices, from the vCPU's thread, anywhere: vector state is saved and the read
 * section left meanwhile (inside.h). Memory space (cpu->memory) or ports (cpu->io).
 * What fails or is not there reads as ones. */
uint64_t sys_device_load(struct sys_cpu *cpu, struct address_space *as, uint64_t addr,
                         uint32_t size);
void sys_device_store(struct sys_cpu *cpu, struct address_space *as, uint64_t addr, uint32_t size,
                      uint64_t value);

/* Guest physical memory: page tables, SMM state. Not for MMIO: false then. */
bool sys_phys_read(struct sys_cpu *cpu, uint64_t phys, void *buf, uint32_t size);
bool sys_phys_write(struct sys_cpu *cpu, uint64_t phys, const void *buf, uint32_t size);

/* Around each entry into generated code. Inside; begin flushes what a change of the
 * memory map has made stale since the vCPU was inside last. */
void sys_tlb_run_begin(struct sys_cpu *cpu) REQUIRES_SHARED(rcu_cap);
void sys_tlb_run_end(struct sys_cpu *cpu);

/* An empty TLB. Before the vCPU is registered. */
void sys_tlb_init(struct sys_cpu *cpu);

/* Forgets translations of this vCPU: all; all but global ones; of one page. The
 * jump cache goes too (jump_cache.h: sys_jump_cache_flush, _flush_page). By its
 * thread. Whatever permissions depend on flushes all when it changes: CR0.WP and
 * PG, CR4.PSE, PAE, PGE, SMEP, SMAP, PKE, LA57, EFER.NXE, PKRU, SMM. */
void sys_tlb_flush(struct sys_cpu *cpu);
void sys_tlb_flush_non_global(struct sys_cpu *cpu);
/* CR3 has been loaded: keep: what is known of its PCID is still good. */
void sys_tlb_switch(struct sys_cpu *cpu, bool keep);
/* What is known of a PCID, the current one or another, but for global pages. */
void sys_tlb_flush_pcid(struct sys_cpu *cpu, uint32_t pcid);
void sys_tlb_flush_page(struct sys_cpu *cpu, uint64_t linear);

/* Copies the entry for the access at `linear` of the current mmu mode, if there is one,
 * to a slot, unless what is there is better. vCPU's thread, inside. */
void sys_tlb_recent_fill(struct sys_cpu *cpu, uint64_t linear, unsigned slot);
/* All slots empty. vCPU's thread. */
void sys_tlb_recent_clear(struct sys_tlb *tlb);

/* The listener for cpu->memory and cpu->smram: all vCPUs get SYS_INT_TLB. */
void sys_tlb_memory_changed(void *unused);

/* The RAM page is about to be translated: marks it (memory_ram_set_code), and no
 * store to it passes unseen from here on: neither a vCPU's TLB lets it nor is one
 * under way. Before its bytes are read. mmap_lock held since then; the vCPU's
 * own `use` may be odd or even. */
void sys_tlb_protect_ram(uint64_t ram) REQUIRES(mmap_lock_cap);

#endif
