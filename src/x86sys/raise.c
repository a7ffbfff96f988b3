/* An instruction that faults leaves its exception here; who called for the
 * instruction delivers it. Several steps of one instruction may fault: the first
 * counts. */
#include "x86sys/state.h"

static bool raise(struct sys_cpu *cpu, const struct sys_exception *what)
{
    if (cpu->exception.vector == SYS_NO_EXCEPTION) {
        cpu->exception = *what;
    }
    return false;
}

bool sys_raise(struct sys_cpu *cpu, uint8_t vector)
{
    return raise(cpu, &(struct sys_exception){.vector = vector});
}

bool sys_raise_error(struct sys_cpu *cpu, uint8_t vector, uint32_t error)
{
    return raise(cpu, &(struct sys_exception){.vector = vector, .has_error = true, .error = error});
}

bool sys_raise_page_fault(struct sys_cpu *cpu, uint64_t linear, uint32_t error)
{
    return raise(cpu, &(struct sys_exception){
                          .vector = SYS_PF, .has_error = true, .error = error, .addr = linear});
}
