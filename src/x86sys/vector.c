/* See vector.h: XSAVE and XRSTOR of the vCPU's thread, by the stubs. */
#include "x86sys/vector.h"

#include "x86sys/host_asm.h"
#include "x86sys/stubs.h"

void sys_vec_save(struct sys_cpu *cpu)
{
    if (cpu->vec_live) {
        cpu->counts[SYS_COUNT_VEC]++;
        sys_stubs.vec_save(cpu);
    }
}

SYS_VEC_CODE static void restore(struct sys_cpu *cpu)
{
    if (!cpu->vec_live) {
        sys_stubs.vec_restore(cpu);
    }
}

SYS_VEC_CODE static void hand_over(struct sys_cpu *cpu)
{
    if (SYS_C_USES_VECTORS) {
        sys_stubs.vec_save(cpu);
    }
}

SYS_VEC_CODE void sys_vec_xsave(struct sys_cpu *cpu, void *area, uint64_t components, bool wide)
{
    restore(cpu);
    sys_host_xsave(area, components, wide);
    hand_over(cpu);
}

SYS_VEC_CODE void sys_vec_xsavec(struct sys_cpu *cpu, void *area, uint64_t components, bool wide)
{
    restore(cpu);
    sys_host_xsavec(area, components, wide);
    hand_over(cpu);
}

SYS_VEC_CODE void sys_vec_xrstor(struct sys_cpu *cpu, const void *area, uint64_t components,
                                 bool wide)
{
    restore(cpu);
    sys_host_xrstor(area, components, wide);
    hand_over(cpu);
}

SYS_VEC_CODE uint64_t sys_vec_in_use(struct sys_cpu *cpu)
{
    restore(cpu);
    uint64_t used = sys_host_xgetbv(1);
    hand_over(cpu);
    return used;
}
