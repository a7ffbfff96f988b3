/* The task state segment, but for task switches. Inside of x86sys. */
#ifndef MORTISE_X86SYS_TSS_H
#define MORTISE_X86SYS_TSS_H

#include "x86sys/segment.h"

/* SS:ESP for a more privileged level; #TS(TSS selector) if the TSS ends before. */
bool sys_tss_stack(struct sys_cpu *cpu, unsigned level, uint8_t ext, uint16_t *ss, uint32_t *sp);
/* In IA-32e mode: RSP0 to RSP2, or, with ist from 1 to 7, that stack. */
bool sys_tss_stack_64(struct sys_cpu *cpu, unsigned level, unsigned ist, uint8_t ext,
                      uint64_t *rsp);
/* Whether INT vector goes to the 8086 program (VME). False: exception in
 * cpu->exception. */
bool sys_tss_redirects(struct sys_cpu *cpu, uint8_t vector, bool *to_program);

#endif
