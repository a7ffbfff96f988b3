/* What the files about vCPUs share with each other and with nobody else. */
#ifndef MORTISE_EXEC_CPU_INTERNAL_H
#define MORTISE_EXEC_CPU_INTERNAL_H

#include "exec/cpu.h"

/* exclusive.c: the vCPU's share of the handshake, as new; and all of it, in
 * the child of a fork. */
void exclusive_init_cpu(struct cpu *cpu);
void exclusive_after_fork(void);

/* cpu_work.c: runs, or throws away, what is left in the queue of a vCPU that
 * nobody else finds any more. */
void cpu_work_finish(struct cpu *cpu);
void cpu_work_drop(struct cpu *cpu);

/* Kicks a vCPU that may be on its way out: the read section keeps it. */
static inline void cpu_kick_found(struct cpu *cpu, unsigned bits) REQUIRES_SHARED(rcu_cap)
{
    cpu_kick(cpu, bits);
}

#endif
