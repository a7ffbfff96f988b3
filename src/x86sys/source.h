/* The guest's code that a block is to be made from: where it lies, its bytes, and its
 * instructions. Part of the translator, and of its thread (translate.h). */
#ifndef MORTISE_X86SYS_SOURCE_H
#define MORTISE_X86SYS_SOURCE_H

#include "exec/tb.h"
#include "x86sys/translate.h"

/* What is being fetched from. */
struct sys_source {
    uint8_t buf[GUEST_PAGE_SIZE + 16];
    size_t have;
    uint64_t ram, ram_last; /* of the first byte, and of the last page's first one */
    bool device;            /* not RAM: what there was has been read without the lock */
    bool publish;
};

/* Where the code at t->linear lies; if in a device, what it says, read here because that
 * may take the BQL. False: an exception. */
bool sys_source_find(struct sys_translation *t, struct sys_source *s);

/* Decodes from t->linear up to the end of the block, at most `max` instructions. Its pages
 * are protected first. False: an exception. */
bool sys_source_decode(struct sys_translation *t, struct sys_source *s, unsigned max)
    REQUIRES(mmap_lock_cap);

/* Nothing has come of it: undoes the protection. */
void sys_source_give_up(const struct sys_source *s) REQUIRES(mmap_lock_cap);

/* Whether the block ends behind the instruction, as it always does. */
bool sys_source_ends_block(const struct sys_translation *t, const struct sys_insn *in);

static inline uint64_t sys_source_wrap(const struct sys_translation *t, uint64_t linear)
{
    return t->mode & SYS_MODE_CODE64 ? linear : (uint32_t)linear;
}

#endif
