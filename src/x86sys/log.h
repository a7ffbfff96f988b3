/* What -d wants to see of system mode: blocks, entries, exceptions. */
#ifndef MORTISE_X86SYS_LOG_H
#define MORTISE_X86SYS_LOG_H

#include "x86sys/translate.h"

/* in_asm, op, out_asm: a block and its translation. */
void sys_log_tb(const struct sys_translation *t, const struct tb *tb);
/* exec, cpu: a TB is about to be entered from the loop. Vector state is saved first. */
void sys_log_entry(struct sys_cpu *cpu, const struct tb *tb);
/* int: cpu->exception is about to be delivered. Vector state is saved. */
void sys_log_exception(const struct sys_cpu *cpu);

#endif
