/* What -d wants to see of system mode: blocks, entries, exceptions, resets, what is not there. */
#ifndef MORTISE_X86SYS_LOG_H
#define MORTISE_X86SYS_LOG_H

#include "x86sys/translate.h"

/* in_asm, op, out_asm: a block and its translation. */
void sys_log_tb(const struct sys_translation *t, const struct tb *tb);
/* exec, cpu: a TB is about to be entered from the loop. Vector state is saved first. */
void sys_log_entry(struct sys_cpu *cpu, const struct tb *tb);
/* int: cpu->exception is about to be delivered. Vector state is saved. */
void sys_log_exception(const struct sys_cpu *cpu);
/* cpu_reset: why, and the state that is about to go. Vector state is saved first. */
void sys_log_reset(struct sys_cpu *cpu, const char *why);
/* guest_errors: nothing is at this physical address. Vector state is saved. */
void sys_log_no_memory(const struct sys_cpu *cpu, bool write, uint64_t addr, uint32_t size);
/* unimp: there is no such MSR. Vector state is saved first. */
void sys_log_no_msr(struct sys_cpu *cpu, bool write, uint32_t index);

#endif
