/* Instructions that C executes, exceptions and interrupts: the system level of
 * the processor (SDM volume 3, APM volume 2). All on the vCPU's thread with all
 * of the state but vectors in *cpu. */
#ifndef MORTISE_X86SYS_EMULATE_H
#define MORTISE_X86SYS_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

#include "x86sys/insn.h"
#include "x86sys/state.h"

enum sys_result {
    SYS_DONE,      /* rip is behind it (or where it went); go on */
    SYS_EXCEPTION, /* cpu->exception says what; rip is at the instruction, nothing has happened */
    SYS_HALT,      /* HLT, or RSM back to it: rip is behind HLT, cpu->halted is set */
};

/* Executes one instruction of class SYS_INSN_C, STACK or STRING (any, in every
 * mode) at cpu->rip. REP instructions do a bounded number of iterations and
 * leave rip at themselves if there is more to do. */
enum sys_result sys_execute(struct sys_cpu *cpu, const struct sys_insn *in);

/* Delivers cpu->exception (with contributory and double faults). False: triple
 * fault, the vCPU is shut down. */
bool sys_deliver_exception(struct sys_cpu *cpu);

/* Looks at cpu->interrupt and takes what can be taken now (reset, INIT, SIPI,
 * SMI, NMI, machine check, external interrupt with RFLAGS.IF and no shadow).
 * Returns whether anything was; false in *alive: triple fault on the way. */
bool sys_take_interrupts(struct sys_cpu *cpu, bool *alive);

/* NMIs are taken again: the end of their handler. */
void sys_nmi_unblock(struct sys_cpu *cpu);

/* Whether a halted CPU would wake up. */
bool sys_interrupt_pending(struct sys_cpu *cpu);

/* Linear address of offset in a segment for an access of `size` bytes: limit,
 * type and canonical checks; raises #GP, #SS. Wraps to 32 bits outside of 64-bit
 * mode. */
bool sys_linear(struct sys_cpu *cpu, enum sys_seg_reg seg, uint64_t offset, uint32_t size,
                uint32_t access, uint64_t *linear);
/* In SYS_MODE_AC: whether the address is a multiple of `alignment`, a power of two; raises
 * #AC. For accesses of more than one item; sys_linear itself asks for those of 2, 4 and 8
 * bytes, without SYS_UNALIGNED. */
bool sys_aligned(struct sys_cpu *cpu, uint64_t linear, uint32_t alignment);
/* The offset of an instruction's memory operand in its segment. */
uint64_t sys_operand_offset(const struct sys_cpu *cpu, const struct sys_insn *in);
/* Its linear address, checked likewise. */
bool sys_operand(struct sys_cpu *cpu, const struct sys_insn *in, uint32_t size, uint32_t access,
                 uint64_t *linear);

/* Debug, in modes SYS_MODE_DEBUG and SYS_MODE_TF, where a TB has one instruction.
 * Before it: whether DR0..3 have a breakpoint on it (SYS_FETCH, size 1): raises
 * #DB, with rip at it, unless RF is set. For each access of it, once it is known to succeed: notes
 * a hit, returns true. */
bool sys_debug_check(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access);
/* The same for a port that is about to be accessed. */
void sys_debug_port(struct sys_cpu *cpu, uint16_t port, uint32_t size);
/* Whether a breakpoint on data lies in the page of `linear`: accesses to it do not go
 * through the TLB. Who changes DR0..3 or DR7 flushes it. */
bool sys_debug_watches(const struct sys_cpu *cpu, uint64_t linear);
/* Behind it, when it has succeeded: clears RF, raises the #DB that TF or a noted hit
 * wants (false). mode_before: cpu->mode as the instruction began. */
bool sys_debug_after(struct sys_cpu *cpu, uint32_t mode_before);

#endif
