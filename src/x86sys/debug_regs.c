/* MOV from and to debug registers. */
#include "x86sys/operand.h"
#include "x86sys/ops.h"

#define DR6_FIXED 0xffff0ff0ULL /* always 1 */
#define DR6_ZERO  (1ULL << 12)
#define DR6_BD    (1ULL << 13)
#define DR7_FIXED (1ULL << 10)
#define DR7_ZERO  (1ULL << 11 | 1ULL << 12 | 1ULL << 14 | 1ULL << 15)
#define DR7_GD    (1ULL << 13)

static bool guarded(struct sys_cpu *cpu)
{
    sys_raise(cpu, SYS_DB);
    cpu->exception.addr = DR6_BD;
    return false;
}

static bool dr_set(struct sys_cpu *cpu, unsigned n, uint64_t value)
{
    if (n >= 6 && value >> 32) {
        return sys_gp0(cpu);
    }
    if (n == 6) {
        value = (value | DR6_FIXED) & ~DR6_ZERO;
    } else if (n == 7) {
        value = (value | DR7_FIXED) & ~DR7_ZERO;
    }
    /* What is watched is kept out of the TLB. */
    uint32_t before = cpu->mode;
    cpu->dr[n] = value;
    if (n == 7) {
        cpu->rflags &= ~(uint64_t)X86_RF; /* nobody has, without breakpoints */
        sys_mode_update(cpu);
    }
    if (n != 6 && (before | cpu->mode) & SYS_MODE_DEBUG) {
        sys_tlb_flush(cpu);
    }
    return true;
}

/* 0F 21 reads, 0F 23 writes. */
bool sys_op_mov_dr(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned n = sys_modrm_reg(in), reg = sys_modrm_rm(in);
    unsigned size = in->code_size == 8 ? 8 : 4;
    if (n > 7 || ((n == 4 || n == 5) && (cpu->cr4 & SYS_CR4_DE))) {
        return sys_raise(cpu, SYS_UD);
    }
    if (sys_cpl(cpu)) {
        return sys_gp0(cpu);
    }
    if (cpu->dr[7] & DR7_GD) {
        return guarded(cpu);
    }
    n = n == 4 || n == 5 ? n + 2 : n;
    if (in->opcode == 0x21) {
        sys_gpr_put(cpu, (uint8_t)reg, size, cpu->dr[n]);
        return true;
    }
    return dr_set(cpu, n, sys_gpr_get(cpu, (uint8_t)reg, size));
}
