/* The guest's TSC, for the instructions and MSRs that read and write it. */
#ifndef MORTISE_X86SYS_TIME_H
#define MORTISE_X86SYS_TIME_H

#include <stdint.h>

#include "x86sys/state.h"

/* Now; vCPU's thread. */
uint64_t sys_tsc_now(const struct sys_cpu *cpu);
/* The same when it is for the guest: see sys_cpu_watch_clock. */
uint64_t sys_tsc_read(struct sys_cpu *cpu);
/* WRMSR to IA32_TIME_STAMP_COUNTER and IA32_TSC_ADJUST: each moves the other. */
void sys_tsc_write(struct sys_cpu *cpu, uint64_t value);
void sys_tsc_adjust_write(struct sys_cpu *cpu, uint64_t value);
/* tsc_offset of a new vCPU. */
int64_t sys_tsc_first_offset(void);

#endif
