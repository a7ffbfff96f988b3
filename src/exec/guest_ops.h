/* All that src/exec knows of the guest: one table, filled by src/x86, and
 * one for where guest code comes from, filled by the environment (src/user;
 * later the softmmu). Both are set once at start-up and immutable then. */
#ifndef MORTISE_EXEC_GUEST_OPS_H
#define MORTISE_EXEC_GUEST_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"

struct cpu;
struct tb;

struct guest_ops {
    /* Interrupts the thread of a vCPU that may be running guest code, so
     * that it sees cpu->exit_request. Any thread; signal-safe. */
    void (*kick)(struct cpu *cpu);

    /* For vCPUs without a jump cache of exec's kind (cpu->jump_cache is NULL; see
     * tb_jump_cache.c for what they promise): no entry leads to tb any more; no
     * entry leads anywhere (nobody is inside). Any thread. */
    void (*jump_cache_forget)(struct cpu *cpu, struct tb *tb);
    void (*jump_cache_reset)(struct cpu *cpu);

    /* May be NULL. The last TB of a page has gone. mmap_lock held. */
    void (*page_empty)(uint64_t addr) CALLED_WITH(mmap_lock_cap);
};

struct code_source_ops {
    /* Copies up to len bytes of guest code at pc; returns how many of them
     * are mapped and executable, from pc on (0: none). mmap_lock held. */
    size_t (*fetch)(uint64_t pc, void *buf, size_t len) CALLED_WITH(mmap_lock_cap);

    /* [start, start + len) is about to be translated: any later store to
     * these pages must lead to tb_invalidate_range first. mmap_lock held.
     * Called before the bytes are fetched. */
    void (*protect)(uint64_t start, size_t len) CALLED_WITH(mmap_lock_cap);
};

extern const struct guest_ops *guest_ops IMMUTABLE_AFTER_INIT;
extern const struct code_source_ops *code_source IMMUTABLE_AFTER_INIT;

#endif
