/* Fast system calls. Where the vendors differ, the union: SYSRET with a
 * non-canonical RCX is #GP in ring 0 (Intel), SYSENTER works in IA-32e mode
 * (Intel), SYSCALL works in compatibility and legacy mode (AMD), so that a guest
 * that believes in either finds what it expects. */
#include "x86sys/far.h"
#include "x86sys/system_insns.h"

/* Descriptors as the processor makes them up: flat, accessed, present. */
enum {
    FLAT_DATA = SYS_SEG_G | SYS_SEG_DB | SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW | SYS_SEG_ACCESSED,
    FLAT_CODE = SYS_SEG_G | SYS_SEG_P | SYS_SEG_S | SYS_SEG_CODE | SYS_SEG_RW | SYS_SEG_ACCESSED,
    FLAT_CODE_32 = FLAT_CODE | SYS_SEG_DB,
    FLAT_CODE_64 = FLAT_CODE | SYS_SEG_L
};

/* What SYSRET takes from R11: all but RF, VM and what is reserved. */
#define SYSRET_FLAGS 0x3c7fd7u

static void put_level(struct sys_cpu *cpu, unsigned cs, unsigned ss, int code, unsigned cpl)
{
    unsigned level = cpl << SYS_SEG_DPL_SHIFT;
    cpu->seg[SYS_CS] = (struct sys_seg){.selector = (uint16_t)((cs & ~3u) | cpl),
                                        .limit = UINT32_MAX,
                                        .attr = (uint16_t)((unsigned)code | level)};
    cpu->seg[SYS_SS] = (struct sys_seg){.selector = (uint16_t)((ss & ~3u) | cpl),
                                        .limit = UINT32_MAX,
                                        .attr = (uint16_t)(FLAT_DATA | level)};
}

/* An instruction that clears TF itself is not followed by a trap. */
static void settle_step(struct sys_cpu *cpu)
{
    if (cpu->mode & SYS_MODE_TF && !(cpu->rflags & X86_TF)) {
        cpu->no_step = true;
    }
}

enum sys_result sys_insn_syscall(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!(cpu->efer & SYS_EFER_SCE) || !sys_protected(cpu)) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    unsigned cs = cpu->star >> 32 & 0xffff;
    cpu->gpr[X86_RCX] = sys_insn_next_ip(in);
    if (sys_long_mode(cpu)) {
        cpu->gpr[X86_R11] = cpu->rflags & ~(uint64_t)X86_RF;
        cpu->rip = in->code_size == 8 ? cpu->lstar : cpu->cstar;
        cpu->rflags &= ~(cpu->sfmask & UINT32_MAX) & ~(uint64_t)X86_RF;
        cpu->rflags |= SYS_RF_ONE;
        put_level(cpu, cs, cs + 8, FLAT_CODE_64, 0);
    } else {
        cpu->rip = (uint32_t)cpu->star;
        cpu->rflags &= ~(uint64_t)(X86_IF | X86_RF);
        put_level(cpu, cs, cs + 8, FLAT_CODE_32, 0);
    }
    settle_step(cpu);
    sys_mode_update(cpu);
    return SYS_DONE;
}

enum sys_result sys_insn_sysret(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!(cpu->efer & SYS_EFER_SCE) || !sys_protected(cpu)) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    bool to_64 = in->code_size == 8 && in->rex & 8;
    uint64_t rcx = cpu->gpr[X86_RCX];
    if (sys_cpl(cpu) != 0 || (to_64 && !sys_canonical(cpu, rcx))) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    unsigned base = (unsigned)(cpu->star >> 48);
    if (sys_long_mode(cpu)) {
        cpu->rflags = (cpu->gpr[X86_R11] & SYSRET_FLAGS) | SYS_RF_ONE;
    } else {
        cpu->rflags |= X86_IF;
    }
    if (to_64) {
        cpu->rip = rcx;
        put_level(cpu, base + 16, base + 8, FLAT_CODE_64, 3);
    } else {
        cpu->rip = (uint32_t)rcx;
        put_level(cpu, base, base + 8, FLAT_CODE_32, 3);
    }
    sys_mode_update(cpu);
    return SYS_DONE;
}

enum sys_result sys_insn_sysenter(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    unsigned cs = cpu->sysenter_cs & 0xffff;
    if (!(cpu->mode & SYS_MODE_PE) || sys_selector_is_null((uint16_t)cs)) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    cpu->rflags &= ~(uint64_t)(X86_IF | X86_RF) & ~(uint64_t)SYS_RF_VM;
    if (sys_long_mode(cpu)) {
        cpu->rip = cpu->sysenter_eip;
        cpu->gpr[X86_RSP] = cpu->sysenter_esp;
        put_level(cpu, cs, cs + 8, FLAT_CODE_64, 0);
    } else {
        cpu->rip = (uint32_t)cpu->sysenter_eip;
        cpu->gpr[X86_RSP] = (uint32_t)cpu->sysenter_esp;
        put_level(cpu, cs, cs + 8, FLAT_CODE_32, 0);
    }
    sys_mode_update(cpu);
    return SYS_DONE;
}

enum sys_result sys_insn_sysexit(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned cs = cpu->sysenter_cs & 0xffff;
    uint64_t rip = cpu->gpr[X86_RDX];
    uint64_t rsp = cpu->gpr[X86_RCX];
    bool to_64 = in->code_size == 8 && in->rex & 8;
    if (!sys_protected(cpu) || sys_cpl(cpu) != 0 || sys_selector_is_null((uint16_t)cs) ||
        (to_64 && (!sys_canonical(cpu, rip) || !sys_canonical(cpu, rsp)))) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    if (to_64) {
        cpu->rip = rip;
        cpu->gpr[X86_RSP] = rsp;
        put_level(cpu, cs + 32, cs + 40, FLAT_CODE_64, 3);
    } else {
        cpu->rip = (uint32_t)rip;
        cpu->gpr[X86_RSP] = (uint32_t)rsp;
        put_level(cpu, cs + 16, cs + 24, FLAT_CODE_32, 3);
    }
    sys_mode_update(cpu);
    return SYS_DONE;
}

enum sys_result sys_insn_swapgs(struct sys_cpu *cpu, const struct sys_insn *in)
{
    if (!(cpu->mode & SYS_MODE_CODE64)) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    if (sys_cpl(cpu) != 0) {
        return sys_result_of(sys_raise_error(cpu, SYS_GP, 0));
    }
    uint64_t base = cpu->seg[SYS_GS].base;
    cpu->seg[SYS_GS].base = cpu->kernel_gs_base;
    cpu->kernel_gs_base = base;
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}
