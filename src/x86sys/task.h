/* Hardware task switches. Inside of x86sys. */
#ifndef MORTISE_X86SYS_TASK_H
#define MORTISE_X86SYS_TASK_H

#include "x86sys/event.h"

/* All of them: false with the state as before and an exception if the new task
 * could not be begun; false with the new task's state if the exception is its
 * first doing (a bad segment register); cpu->rip is right for delivery either way. */

/* Through a task gate of the IDT: to the TSS `selector`. */
bool sys_task_interrupt(struct sys_cpu *cpu, const struct sys_event *ev, uint16_t selector);
/* JMP or CALL to the TSS d, whose descriptor has been read and whose privilege has
 * been checked; ip is behind the instruction. */
bool sys_task_jump(struct sys_cpu *cpu, const struct sys_desc *d, uint64_t ip, bool call);
/* IRET with NT set; ip is behind it. */
bool sys_task_return(struct sys_cpu *cpu, uint64_t ip);

#endif
