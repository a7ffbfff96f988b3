/* Translation blocks: lookup, chaining, invalidation, flush.
 *
 * Life of a TB. The translator fills one in region memory, with mmap_lock
 * held, and publishes it with tb_insert. It is found by tb_lookup without a
 * lock, under the RCU read lock. tb_invalidate_* takes it out of the hash
 * table and its pages' lists, resets jumps into it and out of it, and
 * clears jump caches. Its memory stays until a flush, which runs in an
 * exclusive section, so that a vCPU inside may finish running it. */
#ifndef MORTISE_EXEC_TB_H
#define MORTISE_EXEC_TB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exec/cpu.h"
#include "base/annotations.h"
#include "locks/mmap_lock.h"
#include "locks/spinlock.h"

#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE (1UL << GUEST_PAGE_BITS)

struct tb;

/* Guards all jumps between TBs: which exit leads where, and the rel32 fields
 * in code that say so. A leaf. */
extern struct spinlock tb_chain_lock;

/* A direct jump out of a TB (or to its own inside): a rel32 field in its
 * code that leads to the exit's stub until it is chained. The field never
 * crosses an 8-byte boundary, so that it is patched by one atomic store.
 * The translator fills exits by assigning whole structs. */
struct tb_exit {
    uint64_t pc IMMUTABLE_AFTER_INIT;     /* guest target */
    uintptr_t field IMMUTABLE_AFTER_INIT; /* RX address of the rel32 */
    uintptr_t stub IMMUTABLE_AFTER_INIT;  /* RX address of the unchained target */
    /* Not 0: the target lies in `from` itself, at this RX address, and the
     * translator has patched the field so; invalidation undoes it. */
    uintptr_t inside IMMUTABLE_AFTER_INIT;
    struct tb *from IMMUTABLE_AFTER_INIT;
    bool aside IMMUTABLE_AFTER_INIT; /* system mode: it leads to the target's `checked` entry */
    bool polls IMMUTABLE_AFTER_INIT; /* and never further on than that (`onward`) */
    struct tb *to GUARDED_BY(tb_chain_lock); /* chained to, or NULL */
    /* In to->incoming; link_incoming is the pointer that points here. */
    struct tb_exit *next_incoming GUARDED_BY(tb_chain_lock);
    struct tb_exit **link_incoming GUARDED_BY(tb_chain_lock);
};

/* Where the guest stands when the host is at this offset: the state is
 * "about to execute guest_off" after the registers in `saved` have been
 * taken back from the CPU's slots. An entry holds from its host_off up to
 * the next entry's. */
enum tb_restart_kind {
    TB_RESTART_PC,   /* guest pc = tb->pc + guest_off */
    TB_RESTART_RUN,  /* the same plus the host's offset from host_off: a run of
                        instructions as long as their copies */
    TB_RESTART_RAX,  /* guest pc = what the host's RAX holds now */
    TB_RESTART_EXIT, /* guest pc = tb->exits[guest_off].pc */
};
struct IMMUTABLE_AFTER_INIT tb_restart {
    uint16_t host_off;
    uint16_t guest_off;
    uint16_t saved; /* bit n: GPR n is in its slot, not in the host register */
    uint8_t kind;   /* system mode: the number of the instruction in its block */
    uint8_t pad;    /* system mode: its length; 0: a CALL */
};

/* What look-ups read comes first, in one or two cache lines: they seldom find one in a
 * cache. */
struct tb {
    uint64_t pc IMMUTABLE_AFTER_INIT; /* guest address */
    /* System mode: more of the key. RAM addresses are those of exec/memory.h. In user mode
     * both are 0 and the pages are those of pc. */
    uint64_t ram IMMUTABLE_AFTER_INIT;   /* of its first byte */
    uint64_t cs IMMUTABLE_AFTER_INIT;    /* of its segment: see x86sys/translate.h */
    uint32_t flags IMMUTABLE_AFTER_INIT; /* guest mode: part of the key */
    atomic_bool invalid WRITE_GUARDED_BY(tb_chain_lock); /* never cleared */
    bool by_ram IMMUTABLE_AFTER_INIT;                    /* system mode */
    uint16_t insns IMMUTABLE_AFTER_INIT;
    /* Next in its bucket; see tb_hash.c. */
    _Atomic(struct tb *) hash_next WRITE_GUARDED_BY(mmap_lock_cap);
    /* RX addresses to jump to: where the guest is known to be at pc; and for
     * jump caches, where the pc is checked first (system mode: where flags are
     * expected in the CPU's state). */
    uintptr_t host IMMUTABLE_AFTER_INIT;
    uintptr_t checked IMMUTABLE_AFTER_INIT;
    /* How much further on a jump from a TB at a lower pc may enter, [0] than `host` and
     * [1] than `checked`: there it does without looking at exit_request. Round any circle
     * of jumps one leads to the same pc or a lower one. 0 in user mode. */
    uint8_t onward[2] IMMUTABLE_AFTER_INIT;

    uintptr_t code_start IMMUTABLE_AFTER_INIT; /* RX address of the first byte of code */
    uint32_t host_size IMMUTABLE_AFTER_INIT;   /* bytes of code, from code_start on */
    uint32_t size IMMUTABLE_AFTER_INIT;        /* guest bytes from pc on, on at most 2 pages */
    uint64_t ram_last IMMUTABLE_AFTER_INIT;    /* of its last byte, maybe on another page */
    uint16_t exit_count IMMUTABLE_AFTER_INIT;
    uint16_t restart_count IMMUTABLE_AFTER_INIT;
    struct tb_exit *exits IMMUTABLE_AFTER_INIT;
    struct tb_restart *restarts IMMUTABLE_AFTER_INIT;   /* ascending host_off */
    struct tb_exit *incoming GUARDED_BY(tb_chain_lock); /* jumps that lead here */
    /* In the lists of the page of its first byte and of its last one, if that
     * is another. Changed with the pages' locks held too. */
    struct tb *page_next[2] GUARDED_BY(mmap_lock_cap);
};

/* Finds the valid TB for pc and flags, or NULL. Inside, or with the mmap_lock
 * held: the TB is good until cpu_exec_end or mmap_unlock, after which a flush
 * may take it (see tb_flush_count). Lock-free; no vector registers used. */
struct tb *tb_lookup(uint64_t pc, uint32_t flags);

/* The same in system mode. What the TB has on a second page is not compared. */
struct tb_key {
    uint64_t pc;  /* linear */
    uint64_t cs;  /* of struct tb */
    uint64_t ram; /* of the byte at pc */
    uint32_t flags;
};
struct tb *tb_lookup_key(const struct tb_key *key);

/* The table behind tb_lookup, for generated code that walks it itself: an
 * array of 1 << bits pointers to the first TB of each bucket. The bucket of a
 * pc (mode 0) is the low bits of the sum of pc >> TB_HASH_NEAR and
 * pc >> TB_HASH_FAR: neighbours in the guest are neighbours in the table, so
 * that a small program touches few of its pages. Immutable after
 * code_cache_init. */
#define TB_HASH_NEAR 2
#define TB_HASH_FAR  17
struct tb_hash_view {
    uintptr_t buckets;
    unsigned bits;
};
struct tb_hash_view tb_hash_get_view(void);

/* Makes tb_from_host find a TB: for each one, right after
 * code_region_commit of its code, whether it will be inserted or not. */
void tb_register_host(struct tb *tb) REQUIRES(mmap_lock_cap);

/* A TB of system mode from which others can be made: for the same bytes of RAM in the same
 * mode, at another guest address. It lies in the code cache's metadata; what its
 * relocations mean is the translator's matter. */
struct tb_template {
    struct tb *tb IMMUTABLE_AFTER_INIT;
    struct tb_template *next GUARDED_BY(mmap_lock_cap);
    uint16_t reloc_count IMMUTABLE_AFTER_INIT;
    uint16_t relocs[] IMMUTABLE_AFTER_INIT;
};

/* Makes a published TB one; until it is invalidated. */
void tb_template_add(struct tb_template *template) REQUIRES(mmap_lock_cap);
/* That of a valid TB, or NULL. */
const struct tb_template *tb_template_find(uint64_t ram, uint32_t flags) REQUIRES(mmap_lock_cap);

/* Publishes a TB. Its pages have been protected by code_source->protect. */
void tb_insert(struct tb *tb) REQUIRES(mmap_lock_cap);

/* Makes the exit lead straight to `to`, unless either has become invalid.
 * Inside. No vector registers used. */
void tb_chain(struct tb_exit *exit, struct tb *to);

/* Remembers `tb` in the vCPU's jump cache (and undoes it if the TB has been
 * invalidated meanwhile). Inside, by the vCPU's thread. */
void tb_jump_cache_set(struct cpu *cpu, struct tb *tb);

/* Invalidates every TB that covers a byte of [start, end) (system mode: of RAM).
 * Returns how many.
 * Costs what there is to invalidate, however long the range. May be called
 * inside or outside. */
size_t tb_invalidate_range(uint64_t start, uint64_t end) REQUIRES(mmap_lock_cap);

/* Whether a TB covers a byte of the page. */
bool tb_page_has_code(uint64_t page_addr) REQUIRES(mmap_lock_cap);

/* The TB whose code contains this host (RX) address, or NULL, invalidated
 * ones included. Signal-safe, lock-free; inside. */
struct tb *tb_from_host(uintptr_t rx);

/* Asks for a flush of everything: queued as work to `cpu` (the caller's
 * own), which runs it in an exclusive section, unless there has been a flush
 * since code_region_reserve told this vCPU that the cache is full. */
void tb_request_flush(struct cpu *cpu);

/* Flushes now. In an exclusive section, or single-threaded. */
void tb_flush_exclusive(void) EXCLUDES(mmap_lock_cap);

/* How many flushes there have been: what was remembered of TBs while outside
 * is good, once inside again, if the count is the same. Any thread; steady
 * while inside or holding the mmap_lock. */
uint64_t tb_flush_count(void);

#endif
