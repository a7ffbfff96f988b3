/* Instructions that C executes, one at a time. */
#ifndef MORTISE_X86_EMULATE_H
#define MORTISE_X86_EMULATE_H

#include <stdbool.h>

#include "x86/engine.h"

/* Executes the instruction at cpu->rip, which was classified as
 * X86_INSN_EMULATE. True: done, rip is behind it. False: *result says what
 * the environment has to do, rip is at it. The vCPU's thread, not inside. */
bool x86_emulate(struct x86_cpu *cpu, enum x86_exit *result);

/* The registers, for -d cpu. */
void x86_log_registers(const struct x86_cpu *cpu);

#endif
