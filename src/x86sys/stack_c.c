/* PUSH, POP, PUSHA, POPA, ENTER and LEAVE in every mode: what the translator doesn't
 * lower itself. SP moves when nothing can fail any more. */
#include "x86sys/emulate.h"
#include "x86sys/operand.h"
#include "x86sys/ops.h"

static unsigned stack_width(const struct sys_cpu *cpu)
{
    return cpu->mode & SYS_MODE_CODE64 ? 8 : cpu->mode & SYS_MODE_STACK32 ? 4 : 2;
}

static uint64_t get_sp(const struct sys_cpu *cpu)
{
    return sys_gpr_get(cpu, X86_RSP, stack_width(cpu));
}

static void put_sp(struct sys_cpu *cpu, uint64_t sp)
{
    sys_gpr_put(cpu, X86_RSP, stack_width(cpu), sp);
}

/* Moves *sp down and writes there. */
static bool push(struct sys_cpu *cpu, uint64_t *sp, unsigned size, uint64_t value)
{
    uint64_t at = (*sp - size) & sys_size_mask(stack_width(cpu)), linear;
    if (!sys_linear(cpu, SYS_SS, at, size, SYS_WRITE, &linear) ||
        !sys_mem_write(cpu, linear, &value, size, SYS_WRITE)) {
        return false;
    }
    *sp = at;
    return true;
}

static bool pop(struct sys_cpu *cpu, uint64_t *sp, unsigned size, uint64_t *value)
{
    uint64_t linear;
    *value = 0;
    if (!sys_linear(cpu, SYS_SS, *sp, size, SYS_READ, &linear) ||
        !sys_mem_read(cpu, linear, value, size, SYS_READ)) {
        return false;
    }
    *sp = (*sp + size) & sys_size_mask(stack_width(cpu));
    return true;
}

static bool push_operand(struct sys_cpu *cpu, const struct sys_insn *in, uint64_t *value)
{
    unsigned size = in->op_size;
    if (in->opcode == 0x68 || in->opcode == 0x6a) {
        *value = in->imm;
        return true;
    }
    if (in->opcode != 0xff) {
        *value = sys_gpr_get(cpu, sys_opcode_reg(in), size);
        return true;
    }
    if (sys_modrm_is_register(in)) {
        *value = sys_gpr_get(cpu, sys_modrm_rm(in), size);
        return true;
    }
    uint64_t linear;
    *value = 0;
    return sys_operand(cpu, in, size, SYS_READ, &linear) &&
           sys_mem_read(cpu, linear, value, size, SYS_READ);
}

bool sys_op_push(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint64_t value, sp = get_sp(cpu);
    if (!push_operand(cpu, in, &value) || !push(cpu, &sp, in->op_size, value)) {
        return false;
    }
    put_sp(cpu, sp);
    return true;
}

bool sys_op_pop(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint64_t value, sp = get_sp(cpu);
    if (!pop(cpu, &sp, in->op_size, &value)) {
        return false;
    }
    if (in->opcode == 0x8f && !sys_modrm_is_register(in)) {
        /* An address with SP in it: the decoder has added the increment. */
        uint64_t linear;
        if (!sys_operand(cpu, in, in->op_size, SYS_WRITE, &linear) ||
            !sys_mem_write(cpu, linear, &value, in->op_size, SYS_WRITE)) {
            return false;
        }
        put_sp(cpu, sp);
        return true;
    }
    put_sp(cpu, sp);
    sys_gpr_put(cpu, in->opcode == 0x8f ? sys_modrm_rm(in) : sys_opcode_reg(in), in->op_size,
                value);
    return true;
}

bool sys_op_pusha(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = in->op_size;
    uint64_t sp = get_sp(cpu), low = sp, mask = sys_size_mask(stack_width(cpu));
    for (unsigned i = 0; i < 8; i++) {
        uint64_t linear;
        low = (low - size) & mask;
        if (!sys_linear(cpu, SYS_SS, low, size, SYS_WRITE, &linear) ||
            !sys_mem_probe(cpu, linear, size, SYS_WRITE)) {
            return false;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (!push(cpu, &sp, size, sys_gpr_get(cpu, (uint8_t)i, size))) {
            return false;
        }
    }
    put_sp(cpu, sp);
    return true;
}

bool sys_op_popa(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = in->op_size;
    uint64_t sp = get_sp(cpu), value[8];
    for (unsigned i = 8; i-- > 0;) {
        if (!pop(cpu, &sp, size, &value[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        if (i != X86_RSP) {
            sys_gpr_put(cpu, (uint8_t)i, size, value[i]);
        }
    }
    put_sp(cpu, sp);
    return true;
}

/* Copies the outer frames' pointers and appends this one's. */
static bool enter_frames(struct sys_cpu *cpu, unsigned size, unsigned level, uint64_t frame,
                         uint64_t *sp)
{
    uint64_t mask = sys_size_mask(stack_width(cpu));
    uint64_t bp = sys_gpr_get(cpu, X86_RBP, stack_width(cpu));
    for (unsigned i = 1; i < level; i++) {
        uint64_t at, value;
        bp = (bp - size) & mask;
        at = bp;
        if (!pop(cpu, &at, size, &value) || !push(cpu, sp, size, value)) {
            return false;
        }
    }
    return level == 0 || push(cpu, sp, size, frame);
}

bool sys_op_enter(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = in->op_size, width = stack_width(cpu), level = in->imm2 & 31;
    uint64_t sp = get_sp(cpu), linear;
    if (!push(cpu, &sp, size, sys_gpr_get(cpu, X86_RBP, size))) {
        return false;
    }
    uint64_t frame = sp;
    if (!enter_frames(cpu, size, level, frame, &sp)) {
        return false;
    }
    sp = (sp - (uint16_t)in->imm) & sys_size_mask(width);
    if (!sys_linear(cpu, SYS_SS, sp, size, SYS_WRITE, &linear) ||
        !sys_mem_probe(cpu, linear, size, SYS_WRITE)) {
        return false;
    }
    sys_gpr_put(cpu, X86_RBP, size, frame);
    put_sp(cpu, sp);
    return true;
}

bool sys_op_leave(struct sys_cpu *cpu, const struct sys_insn *in)
{
    uint64_t value, sp = sys_gpr_get(cpu, X86_RBP, stack_width(cpu));
    if (!pop(cpu, &sp, in->op_size, &value)) {
        return false;
    }
    put_sp(cpu, sp);
    sys_gpr_put(cpu, X86_RBP, in->op_size, value);
    return true;
}
