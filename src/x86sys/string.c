/* Lowering of string instructions: C executes them, a page at a time. */
#include "x86sys/translate.h"

void sys_lower_string(struct sys_translation *t, const struct sys_insn *in)
{
    sys_lower_c(t, in);
}
