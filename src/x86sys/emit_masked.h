/* The slow path of a memory operand with a mask. */
#ifndef MORTISE_X86SYS_EMIT_MASKED_H
#define MORTISE_X86SYS_EMIT_MASKED_H

#include "x86sys/translate.h"

/* As sys_emit_slow_call, for the elements only that the mask of `in` selects; with
 * none it goes to `resume`. Arithmetic flags are lost. */
void sys_emit_masked_slow_call(struct sys_translation *t, const struct sys_insn *in,
                               uint32_t access, uintptr_t resume);

#endif
