/* Inside the decoder: what decode.c gives to its neighbours. */
#ifndef MORTISE_X86SYS_DECODE_INTERNAL_H
#define MORTISE_X86SYS_DECODE_INTERNAL_H

#include <Zydis/Zydis.h>

#include "x86sys/insn.h"

/* Class, and what it raises in this mode (decode_class.c). */
void sys_decode_class(struct sys_insn *in, uint32_t mode, const ZydisDecodedInstruction *zi);

/* Registers, flags and the memory operand (decode_operands.c). */
void sys_decode_operands(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                         const ZydisDecodedOperand *ops);

/* The mask of the memory operand (decode_mask.c). */
void sys_decode_mask(struct sys_insn *in, const ZydisDecodedInstruction *zi,
                     const ZydisDecodedOperand *ops, const ZydisDecodedOperand *mem);

#endif
