/* Where a block's code depends on where it is: on its linear address, or on where the
 * code and its metadata lie in the cache. A block whose list is complete can be copied
 * for the same bytes at another linear address (clone.c).
 *
 * Code that is emitted with such a value is emitted by one of these functions, or
 * followed by one of them, in the order in which it lies in the block. Distances within
 * the block are no matter of theirs. All belongs to the translating thread. */
#ifndef MORTISE_X86SYS_RELOC_H
#define MORTISE_X86SYS_RELOC_H

#include <stdbool.h>
#include <stdint.h>

struct sys_insn;
struct sys_translation;

/* What lies at a place, and how wide it is: an immediate is as short as its value
 * allows, and a copy keeps the width or is not made. */
enum sys_reloc_kind {
    SYS_RELOC_STUB,      /* rel32 of something outside of the block */
    SYS_RELOC_EXIT,      /* imm32: cache offset of the block's next exit */
    SYS_RELOC_INSN,      /* imm32: cache offset of the next instruction for C */
    SYS_RELOC_GUEST_64,  /* imm64: a linear address */
    SYS_RELOC_GUEST_32,  /* imm32, zero-extended */
    SYS_RELOC_GUEST_S32, /* imm32, sign-extended */
    SYS_RELOC_GUEST_CUT, /* imm32: its lower half */
    SYS_RELOC_JUMP,      /* disp32: place in the jump cache of the address before */
};

#define SYS_RELOC_KIND_BITS 3
#define SYS_RELOCS_MAX      512

struct sys_relocs {
    bool partial; /* the block cannot be copied */
    uint16_t count;
    uint32_t last;              /* place of the last one */
    uint16_t e[SYS_RELOCS_MAX]; /* distance from the one before it, and kind */
};

/* Before anything is emitted. */
void sys_reloc_begin(struct sys_translation *t);
/* Behind everything: whether the list says all about a copy. */
bool sys_reloc_end(struct sys_translation *t);

/* mov reg, imm: a linear address, whole or cut to 32 bits. */
void sys_emit_guest_address(struct sys_translation *t, uint8_t reg, uint64_t address);
void sys_emit_guest_address_cut(struct sys_translation *t, uint8_t reg, uint32_t address);

/* The four bytes emitted last are of this kind: a rel32 or imm32. */
void sys_reloc_note(struct sys_translation *t, enum sys_reloc_kind kind);
/* The same for the displacement of an entry in the jump cache, off a register, at
 * S1 + disp: that of the address that was emitted last. */
void sys_reloc_note_jump(struct sys_translation *t, uint64_t disp);

#endif
