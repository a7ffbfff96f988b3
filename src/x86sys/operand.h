/* Registers of a decoded instruction, for C code that executes it: by number,
 * width and the rules of partial writes. */
#ifndef MORTISE_X86SYS_OPERAND_H
#define MORTISE_X86SYS_OPERAND_H

#include "x86sys/insn.h"
#include "x86sys/state.h"

static inline uint64_t sys_size_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1;
}

/* The register fields of ModRM and of the opcode, with what REX adds. */
static inline uint8_t sys_modrm_reg(const struct sys_insn *in)
{
    return (uint8_t)((in->modrm >> 3 & 7) | (in->rex & 4) << 1);
}

static inline uint8_t sys_modrm_rm(const struct sys_insn *in)
{
    return (uint8_t)((in->modrm & 7) | (in->rex & 1) << 3);
}

static inline bool sys_modrm_is_register(const struct sys_insn *in)
{
    return (in->modrm & 0xc0) == 0xc0;
}

static inline uint8_t sys_opcode_reg(const struct sys_insn *in)
{
    return (uint8_t)((in->opcode & 7) | (in->rex & 1) << 3);
}

static inline uint64_t sys_gpr_get(const struct sys_cpu *cpu, uint8_t reg, unsigned size)
{
    return cpu->gpr[reg] & sys_size_mask(size);
}

/* Writes the low `size` bytes: 4 clears the upper half, 1 and 2 leave the rest. */
static inline void sys_gpr_put(struct sys_cpu *cpu, uint8_t reg, unsigned size, uint64_t value)
{
    if (size >= 4) {
        cpu->gpr[reg] = value & sys_size_mask(size);
    } else {
        uint64_t mask = sys_size_mask(size);
        cpu->gpr[reg] = (cpu->gpr[reg] & ~mask) | (value & mask);
    }
}

/* Byte registers as the encoding numbers them: without REX, 4 to 7 are AH to BH. */
static inline uint8_t sys_gpr8_get(const struct sys_cpu *cpu, const struct sys_insn *in,
                                   uint8_t reg)
{
    if (!in->rex && reg >= 4 && reg < 8) {
        return (uint8_t)(cpu->gpr[reg - 4] >> 8);
    }
    return (uint8_t)cpu->gpr[reg];
}

static inline void sys_gpr8_put(struct sys_cpu *cpu, const struct sys_insn *in, uint8_t reg,
                                uint8_t value)
{
    if (!in->rex && reg >= 4 && reg < 8) {
        cpu->gpr[reg - 4] = (cpu->gpr[reg - 4] & ~0xff00ULL) | (uint64_t)value << 8;
    } else {
        sys_gpr_put(cpu, reg, 1, value);
    }
}

/* Pairs of 32-bit registers: EDX:EAX. */
static inline uint64_t sys_edx_eax(const struct sys_cpu *cpu)
{
    return cpu->gpr[X86_RDX] << 32 | (uint32_t)cpu->gpr[X86_RAX];
}

static inline void sys_put_edx_eax(struct sys_cpu *cpu, uint64_t value)
{
    cpu->gpr[X86_RAX] = (uint32_t)value;
    cpu->gpr[X86_RDX] = value >> 32;
}

static inline bool sys_is_canonical(uint64_t linear)
{
    return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

#endif
