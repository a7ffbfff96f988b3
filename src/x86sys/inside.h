/* Leaving the read section that guest code runs in, for what may block or take
 * the BQL: device callbacks, from within the slow path of a memory access.
 *
 * Generated code, and what it calls through the slow-path stub
 * (sys_access_begin, sys_access_commit), runs inside (exec/exclusive.h). A
 * device's callback may not: it takes the BQL. So around each access that is not
 * RAM:
 *
 *     bool was = sys_outside_begin(cpu);
 *     ... address_space_load ...
 *     sys_outside_end(cpu, was);
 *
 * which saves vector state too. It does nothing when the caller is outside
 * already, as sys_execute is. If the code cache was flushed meanwhile, the stub
 * does not go back to the TB: it lets the loop run the instruction again, with
 * what was read kept in the bounce buffer (loop.c). */
#ifndef MORTISE_X86SYS_INSIDE_H
#define MORTISE_X86SYS_INSIDE_H

#include <stdbool.h>

#include "x86sys/state.h"

bool sys_outside_begin(struct sys_cpu *cpu);
void sys_outside_end(struct sys_cpu *cpu, bool was_inside);

/* Sleeps outside, until a kick or for `ns` nanoseconds. No checked address is held. */
void sys_sleep(struct sys_cpu *cpu, uint64_t ns);

/* In the slow path of a locked access that the host cannot make atomic: outside, in an
 * exclusive section, which sys_slow_commit ends. No checked address is held. False:
 * the code cache was flushed meanwhile, the section has ended, and the instruction is
 * to be run again. */
NODISCARD bool sys_alone_begin(struct sys_cpu *cpu);

#endif
