/* Between the files that lower data instructions. */
#ifndef MORTISE_X86SYS_LOWER_DATA_H
#define MORTISE_X86SYS_LOWER_DATA_H

#include "x86sys/translate.h"

/* Makes the memory operand accessible and does `again` on it: see sys_emit_access.
 * S0 holds the address of what `again` accesses. */
void sys_lower_with_memory(struct sys_translation *t, const struct sys_insn *in,
                           void (*again)(struct sys_translation *t, const struct sys_insn *in,
                                         uint64_t arg));

/* Computes the operand's address out of line, for plans that remember none. */
void sys_address_again(struct sys_translation *t, const struct sys_insn *in, uint64_t arg);

/* The instruction with its memory operand at S0 + disp, which has been checked. */
void sys_lower_at_s0(struct sys_translation *t, const struct sys_insn *in, int32_t disp);

/* Whether the host may refuse it: the guest's registers are looked at then. */
bool sys_may_trap(const struct sys_insn *in);

/* Whether sys_lower_odd would take it. */
bool sys_is_odd(const struct sys_insn *in);

/* Flags in RFLAGS for an instruction that reads them or leaves some of them; and
 * what becomes of them by it. S1 is clobbered. */
void sys_flags_before(struct sys_translation *t, const struct sys_insn *in);

/* A mapped register that the instruction does not use and that needs no REX, kept
 * in its slot; and back. `taken`: bits of others that are not to be used. */
uint8_t sys_borrow(struct sys_translation *t, const struct sys_insn *in, uint16_t taken);
void sys_give_back(struct sys_translation *t, uint8_t reg);

/* Instructions on one register that the guest has in memory (lower_state.c). False: it is
 * not one of them, or better off with the register in scratch. */
bool sys_lower_in_state(struct sys_translation *t, const struct sys_insn *in);

/* Instructions that can't be re-encoded as they are (lower_odd.c). False: it is not
 * one of them. */
bool sys_lower_odd(struct sys_translation *t, const struct sys_insn *in);

#endif
