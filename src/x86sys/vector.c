/* See vector.h: XSAVE and XRSTOR of the vCPU's thread, by the stubs. */
#include "x86sys/vector.h"

#include "x86sys/stubs.h"

void sys_vec_save(struct sys_cpu *cpu)
{
    if (cpu->vec_live) {
        cpu->counts[SYS_COUNT_VEC]++;
        sys_stubs.vec_save(cpu);
    }
}

void sys_vec_restore(struct sys_cpu *cpu)
{
    if (!cpu->vec_live) {
        sys_stubs.vec_restore(cpu);
    }
}
