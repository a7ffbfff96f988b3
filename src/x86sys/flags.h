/* Arithmetic flags computed in C. */
#ifndef MORTISE_X86SYS_FLAGS_H
#define MORTISE_X86SYS_FLAGS_H

#include "x86sys/operand.h"

/* SF, ZF and PF of a result of `size` bytes. */
static inline uint32_t sys_flags_szp(uint64_t value, unsigned size)
{
    value &= sys_size_mask(size);
    uint32_t flags = value ? 0 : X86_ZF;
    flags |= value >> (8 * size - 1) & 1 ? X86_SF : 0;
    flags |= __builtin_parity((unsigned)value & 0xff) ? 0 : X86_PF;
    return flags;
}

/* All six of a - b. */
static inline uint32_t sys_flags_sub(uint64_t a, uint64_t b, unsigned size)
{
    uint64_t mask = sys_size_mask(size);
    a &= mask;
    b &= mask;
    uint64_t r = (a - b) & mask;
    uint32_t flags = sys_flags_szp(r, size);
    flags |= a < b ? X86_CF : 0;
    flags |= (a ^ b ^ r) & 0x10 ? X86_AF : 0;
    flags |= ((a ^ b) & (a ^ r)) >> (8 * size - 1) & 1 ? X86_OF : 0;
    return flags;
}

static inline void sys_flags_put(struct sys_cpu *cpu, uint32_t arithmetic)
{
    cpu->rflags = (cpu->rflags & ~(uint64_t)SYS_RF_ARITH) | arithmetic;
}

#endif
