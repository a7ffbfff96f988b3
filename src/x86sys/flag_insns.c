/* Instructions about IF and the system flags, with the rules of IOPL, VME and PVI,
 * and HLT. */
#include "x86sys/far.h"
#include "x86sys/frame.h"
#include "x86sys/system_insns.h"

static enum sys_result done(struct sys_cpu *cpu, const struct sys_insn *in)
{
    cpu->rip = sys_insn_next_ip(in);
    sys_mode_update(cpu);
    return SYS_DONE;
}

static enum sys_result general_protection(struct sys_cpu *cpu)
{
    return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
}

/* Where IOPL forbids IF: whether VIF stands for it (virtual interrupts). */
static bool virtual_if(const struct sys_cpu *cpu)
{
    if (cpu->mode & SYS_MODE_VM) {
        return (cpu->cr4 & SYS_CR4_VME) != 0;
    }
    return sys_cpl(cpu) == 3 && cpu->cr4 & SYS_CR4_PVI;
}

enum sys_result sys_insn_cli(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (cpu->mode & SYS_MODE_IOPL) {
        cpu->rflags &= ~(uint64_t)X86_IF;
    } else if (virtual_if(cpu)) {
        cpu->rflags &= ~(uint64_t)SYS_RF_VIF;
    } else {
        return general_protection(cpu);
    }
    return done(cpu, in);
}

enum sys_result sys_insn_sti(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (cpu->mode & SYS_MODE_IOPL) {
        cpu->shadow = !(cpu->rflags & X86_IF);
        cpu->rflags |= X86_IF;
    } else if (virtual_if(cpu) && !(cpu->rflags & SYS_RF_VIP)) {
        cpu->rflags |= SYS_RF_VIF;
    } else {
        return general_protection(cpu);
    }
    return done(cpu, in);
}

enum sys_result sys_insn_pushf(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = sys_stack_size(in);
    uint64_t image = cpu->rflags & ~(uint64_t)X86_RF & ~(uint64_t)SYS_RF_VM;
    if (cpu->mode & SYS_MODE_VM && !(cpu->mode & SYS_MODE_IOPL)) {
        if (!(cpu->cr4 & SYS_CR4_VME) || size != 2) {
            return general_protection(cpu);
        }
        image = (image & ~(uint64_t)X86_IF) | SYS_RF_IOPL;
        image |= cpu->rflags & SYS_RF_VIF ? (uint64_t)X86_IF : 0;
    }
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_stack_push(cpu, &st, size, &image, 1)) {
        return SYS_EXCEPTION;
    }
    sys_stack_commit(cpu, &st);
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}

/* What POPF may change. */
static uint64_t popf_allowed(const struct sys_cpu *cpu, unsigned size)
{
    uint64_t mask = SYS_RF_ARITH | (uint64_t)X86_TF | X86_DF;
    mask |= SYS_RF_NT;
    if (size > 2) {
        mask |= X86_AC | X86_ID | X86_RF;
    }
    if (cpu->mode & SYS_MODE_IOPL) {
        mask |= X86_IF;
    }
    if (sys_cpl(cpu) == 0) {
        mask |= SYS_RF_IOPL;
    }
    return mask;
}

enum sys_result sys_insn_popf(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = sys_stack_size(in);
    bool as_vif = cpu->mode & SYS_MODE_VM && !(cpu->mode & SYS_MODE_IOPL);
    uint64_t image;
    struct sys_stack st = sys_stack_current(cpu);
    if (as_vif && (!(cpu->cr4 & SYS_CR4_VME) || size != 2)) {
        return general_protection(cpu);
    }
    if (!sys_stack_peek(cpu, &st, size, &image, 1)) {
        return SYS_EXCEPTION;
    }
    if (as_vif && (image & X86_TF || (image & X86_IF && cpu->rflags & SYS_RF_VIP))) {
        return general_protection(cpu);
    }
    uint64_t mask = popf_allowed(cpu, size);
    cpu->rflags = (cpu->rflags & ~mask) | (image & mask & ~(uint64_t)X86_RF);
    if (as_vif) {
        cpu->rflags &= ~(uint64_t)SYS_RF_VIF;
        cpu->rflags |= image & X86_IF ? (uint64_t)SYS_RF_VIF : 0;
    }
    sys_stack_drop(&st, size);
    sys_stack_commit(cpu, &st);
    return done(cpu, in);
}

enum sys_result sys_insn_hlt(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (sys_cpl(cpu) != 0) {
        return general_protection(cpu);
    }
    cpu->halted = true;
    done(cpu, in);
    return SYS_HALT;
}
