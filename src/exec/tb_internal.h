/* What the files of the TB cache share with each other and with nobody else. */
#ifndef MORTISE_EXEC_TB_INTERNAL_H
#define MORTISE_EXEC_TB_INTERNAL_H

#include "exec/code_cache.h"
#include "exec/tb.h"

/* code_region.c */
NODISCARD int code_region_init(uintptr_t rx, size_t region_size, size_t count, struct error *err);
void code_region_reset_all(void) REQUIRES(mmap_lock_cap);
/* For the copy that a forked child gets: bytes in use, the pieces they lie in
 * (fn returns false to stop; so does the walk), what lies before the first
 * region, and, in the child, the same regions with one user at most. */
size_t code_region_used(void) REQUIRES(mmap_lock_cap);
size_t code_region_stubs_size(void);
bool code_region_for_each_piece(bool (*fn)(uintptr_t rx, size_t len, void *opaque), void *opaque)
    REQUIRES(mmap_lock_cap);
void code_region_keep_after_fork(struct cpu *self) REQUIRES(mmap_lock_cap);
/* The regions' memory is new: nothing of it has been touched. */
void code_region_forget_memory(void) REQUIRES(mmap_lock_cap);
void code_region_release(struct cpu *cpu);
void code_region_get_stats(struct code_cache_stats *stats);

/* tb_hash.c: reset needs that nobody is inside; discard is the same for the
 * child of a fork, which had better not touch pages shared with the parent. */
NODISCARD int tb_hash_init(size_t cache_size, size_t tb_size, struct error *err);
void tb_hash_add(struct tb *tb) REQUIRES(mmap_lock_cap);
void tb_hash_remove(struct tb *tb) REQUIRES(mmap_lock_cap);
void tb_hash_reset(void) REQUIRES(mmap_lock_cap);
void tb_hash_discard(void) REQUIRES(mmap_lock_cap);

/* tb_template.c: reset needs that nobody is inside. */
NODISCARD int tb_template_init(size_t cache_size, struct error *err);
void tb_template_remove(const struct tb *tb) REQUIRES(mmap_lock_cap);
void tb_template_reset(void) REQUIRES(mmap_lock_cap);

/* tb_page.c */
void tb_page_add(struct tb *tb) REQUIRES(mmap_lock_cap);
void tb_page_remove(struct tb *tb) REQUIRES(mmap_lock_cap);
void tb_page_reset(void) REQUIRES(mmap_lock_cap);
/* Calls fn on every TB that covers a byte of first..last; fn may remove it. */
size_t tb_page_for_each_in(uint64_t first, uint64_t last, void (*fn)(struct tb *tb))
    REQUIRES(mmap_lock_cap);

/* tb_chain.c: marks the TB invalid and undoes all jumps into and out of it.
 * False if it was invalid already. */
void tb_chain_hold_across_fork(void);
bool tb_chain_sever(struct tb *tb) REQUIRES(mmap_lock_cap);
/* In the child of a fork: the lock may have been held, by a thread that is no more. */
void tb_chain_after_fork(void);

/* tb_jump_cache.c */
void tb_jump_cache_forget(struct tb *tb);
void tb_jump_cache_reset_all(void);

/* tb.c: drops every TB. Nobody inside. */
void tb_reset(bool forked) REQUIRES(mmap_lock_cap);
void tb_get_stats(struct code_cache_stats *stats);

/* The first and last byte that a TB covers, in the addresses that page lists go by. */
static inline uint64_t tb_first(const struct tb *tb)
{
    return tb->by_ram ? tb->ram : tb->pc;
}

static inline uint64_t tb_last(const struct tb *tb)
{
    if (tb->by_ram) {
        return tb->ram_last;
    }
    return tb->size ? tb->pc + tb->size - 1 : tb->pc;
}

/* Ends the process when memory without which it cannot go on is not to be
 * had: "mortise: what: reason". */
_Noreturn void exec_out_of_memory(const char *what);

#endif
