/* The way into a handler through the interrupt vector table: in real mode, and in
 * virtual-8086 mode for INT n by the extensions of CR4.VME. */
#include "x86sys/event.h"
#include "x86sys/frame.h"
#include "x86sys/system_insns.h"

/* Pushes flags, CS and IP and jumps through the vector at `linear`. */
static bool through_vector(struct sys_cpu *cpu, const struct sys_event *ev, uint64_t linear,
                           uint32_t access, uint64_t flags)
{
    uint16_t vector[2];
    if (!sys_mem_read(cpu, linear, vector, 4, SYS_READ | access)) {
        return false;
    }
    if (vector[0] > cpu->seg[SYS_CS].limit) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    struct sys_stack st = sys_stack_current(cpu);
    const uint64_t frame[] = {flags, cpu->seg[SYS_CS].selector, ev->ip};
    if (!sys_stack_push(cpu, &st, 2, frame, 3)) {
        return false;
    }
    sys_stack_commit(cpu, &st);
    sys_seg_load_real(cpu, SYS_CS, vector[1]);
    cpu->rip = vector[0];
    cpu->shadow = false;
    cpu->halted = false;
    return true;
}

bool sys_deliver_real(struct sys_cpu *cpu, const struct sys_event *ev)
{
    uint32_t offset = ev->vector * 4u;
    if (offset + 3 > cpu->idtr.limit) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    if (!through_vector(cpu, ev, (uint32_t)(cpu->idtr.base + offset), SYS_IMPLICIT, ev->flags)) {
        return false;
    }
    cpu->rflags &= ~(uint64_t)(X86_IF | X86_TF | X86_AC | X86_RF);
    sys_mode_update(cpu);
    return true;
}

bool sys_deliver_vme(struct sys_cpu *cpu, const struct sys_event *ev)
{
    uint64_t flags = ev->flags;
    uint64_t cleared = X86_TF | X86_RF;
    if (cpu->mode & SYS_MODE_IOPL) {
        cleared |= X86_IF;
    } else {
        cleared |= SYS_RF_VIF;
        flags = (flags & ~(uint64_t)X86_IF) | SYS_RF_IOPL;
        flags |= cpu->rflags & SYS_RF_VIF ? (uint64_t)X86_IF : 0;
    }
    if (!through_vector(cpu, ev, ev->vector * 4UL, 0, flags)) {
        return false;
    }
    cpu->rflags &= ~cleared;
    sys_mode_update(cpu);
    return true;
}
