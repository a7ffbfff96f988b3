/* The same instruction for the host: other registers, the memory operand behind an
 * address register, and the encoding that 64-bit mode wants. */
#ifndef MORTISE_X86SYS_RENAME_H
#define MORTISE_X86SYS_RENAME_H

#include "x86/emit.h"
#include "x86sys/insn.h"

struct sys_rename {
    /* Host registers for the places of in->gpr_places. */
    uint8_t reg, rm, vvvv, opcode;
    uint8_t address; /* holds the address of the memory operand; not RSP or R12. X86_NONE: none */
    int32_t disp;    /* added to it */
};

/* The guest GPR that is named at a place of in->gpr_places. */
uint8_t sys_guest_reg(const struct sys_insn *in, enum sys_reg_place place);

/* Whether it would take a REX prefix: not possible with AH..BH. */
bool sys_rename_wants_rex(const struct sys_insn *in, const struct sys_rename *r);

/* Writes the instruction. Not for VSIB operands, nor BT and its like with a memory
 * operand and a bit offset in a register. */
void sys_reencode(struct emit *e, const struct sys_insn *in, const struct sys_rename *r);

#endif
