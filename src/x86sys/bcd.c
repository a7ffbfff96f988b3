/* Instructions that 64-bit mode has no room for: decimal adjustment, BOUND, SALC; and
 * XLAT. Undefined flags are cleared. (SDM volume 2; the order of DAA's and DAS's
 * tests is that of its pseudo code.) */
#include "x86sys/emulate.h"
#include "x86sys/flags.h"
#include "x86sys/ops.h"

static void put_al(struct sys_cpu *cpu, uint8_t al)
{
    sys_gpr_put(cpu, X86_RAX, 1, al);
}

static void put_ax(struct sys_cpu *cpu, unsigned al, unsigned ah)
{
    sys_gpr_put(cpu, X86_RAX, 2, (al & 0xff) | (ah & 0xff) << 8);
}

/* AAA and AAS: +6 or -6 to AX, if the low digit asks for it. */
static bool adjust_ascii(struct sys_cpu *cpu, bool add)
{
    uint16_t ax = (uint16_t)cpu->gpr[X86_RAX];
    bool wrong = (ax & 0xf) > 9 || (cpu->rflags & X86_AF);
    if (wrong) {
        ax = (uint16_t)(add ? ax + 0x106 : ax - 0x106);
    }
    sys_gpr_put(cpu, X86_RAX, 2, ax & 0xff0f);
    uint32_t flags = sys_flags_szp(ax & 0xf, 1);
    sys_flags_put(cpu, flags | (wrong ? X86_AF | X86_CF : 0));
    return true;
}

bool sys_op_aaa(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return adjust_ascii(cpu, true);
}

bool sys_op_aas(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return adjust_ascii(cpu, false);
}

bool sys_op_aam(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned base = (uint8_t)in->imm, al = (uint8_t)cpu->gpr[X86_RAX];
    if (base == 0) {
        return sys_raise(cpu, SYS_DE);
    }
    put_ax(cpu, al % base, al / base);
    sys_flags_put(cpu, sys_flags_szp(al % base, 1));
    return true;
}

bool sys_op_aad(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned base = (uint8_t)in->imm, ax = (uint16_t)cpu->gpr[X86_RAX];
    unsigned al = ((ax & 0xff) + (ax >> 8) * base) & 0xff;
    put_ax(cpu, al, 0);
    sys_flags_put(cpu, sys_flags_szp(al, 1));
    return true;
}

static bool adjust_decimal(struct sys_cpu *cpu, bool add)
{
    unsigned old = (uint8_t)cpu->gpr[X86_RAX], al = old;
    bool old_cf = cpu->rflags & X86_CF, cf = false, af = false;
    if ((al & 0xf) > 9 || (cpu->rflags & X86_AF)) {
        cf = old_cf || (add ? al + 6 > 0xff : al < 6);
        al = add ? al + 6 : al - 6;
        af = true;
    }
    if (old > 0x99 || old_cf) {
        al = add ? al + 0x60 : al - 0x60;
        cf = true;
    } else if (add) {
        cf = false;
    }
    put_al(cpu, (uint8_t)al);
    sys_flags_put(cpu, sys_flags_szp(al, 1) | (cf ? X86_CF : 0) | (af ? X86_AF : 0));
    return true;
}

bool sys_op_daa(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return adjust_decimal(cpu, true);
}

bool sys_op_das(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    return adjust_decimal(cpu, false);
}

bool sys_op_salc(struct sys_cpu *cpu, const struct sys_insn *in)
{
    (void)in;
    put_al(cpu, cpu->rflags & X86_CF ? 0xff : 0);
    return true;
}

bool sys_op_xlat(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint64_t offset = cpu->gpr[X86_RBX] + (uint8_t)cpu->gpr[X86_RAX], linear;
    uint8_t value;
    offset &= sys_size_mask(in->addr_size);
    if (!sys_linear(cpu, (enum sys_seg_reg)in->seg, offset, 1, SYS_READ, &linear) ||
        !sys_mem_read(cpu, linear, &value, 1, SYS_READ)) {
        return false;
    }
    put_al(cpu, value);
    return true;
}

static int64_t sign_extend(uint32_t value, unsigned size)
{
    return size == 2 ? (int16_t)value : (int32_t)value;
}

bool sys_op_bound(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = in->op_size == 2 ? 2 : 4;
    uint64_t linear;
    uint32_t low = 0, high = 0;
    if (!sys_operand(cpu, in, 2 * size, SYS_READ | SYS_UNALIGNED, &linear) ||
        !sys_aligned(cpu, linear, size) || !sys_mem_read(cpu, linear, &low, size, SYS_READ) ||
        !sys_mem_read(cpu, (uint32_t)(linear + size), &high, size, SYS_READ)) {
        return false;
    }
    int64_t index = sign_extend((uint32_t)cpu->gpr[sys_modrm_reg(in)], size);
    if (index < sign_extend(low, size) || index > sign_extend(high, size)) {
        return sys_raise(cpu, SYS_BR);
    }
    return true;
}
