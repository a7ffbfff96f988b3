/* Instructions that move segment registers: MOV, LDS and relatives, PUSH, POP. A
 * load of SS by MOV or POP holds interrupts and traps off for one instruction (SDM
 * volume 3, 6.8.3). */
#include "x86sys/far.h"
#include "x86sys/frame.h"
#include "x86sys/model.h"
#include "x86sys/operand.h"
#include "x86sys/system_insns.h"

static enum sys_result done(struct sys_cpu *cpu, const struct sys_insn *in)
{
    cpu->rip = sys_insn_next_ip(in);
    sys_mode_update(cpu);
    return SYS_DONE;
}

/* A second load of SS does not prolong the shadow of the first. */
static void begin_shadow(struct sys_cpu *cpu)
{
    cpu->shadow = !(cpu->mode & SYS_MODE_SHADOW);
    if (!(cpu->mode & (SYS_MODE_TF | SYS_MODE_DEBUG)) || !cpu->shadow) {
        return;
    }
    cpu->no_step = true;
    if (cpu->model->vendor == SYS_VENDOR_INTEL) { /* no breakpoint on the next one, either */
        cpu->rflags |= X86_RF;
        cpu->rf_loaded = true;
    }
}

static bool read_word(struct sys_cpu *cpu, const struct sys_insn *in, uint16_t *value)
{
    uint64_t linear;
    if (!in->has_mem) {
        *value = (uint16_t)cpu->gpr[sys_modrm_rm(in)];
        return true;
    }
    return sys_operand(cpu, in, 2, SYS_READ, &linear) &&
           sys_mem_read(cpu, linear, value, 2, SYS_READ);
}

enum sys_result sys_insn_mov_to_seg(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned reg = in->modrm >> 3 & 7;
    uint16_t selector;
    if (reg == SYS_CS || reg >= SYS_SEGS) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    if (!read_word(cpu, in, &selector) || !sys_seg_load(cpu, (enum sys_seg_reg)reg, selector)) {
        return SYS_EXCEPTION;
    }
    if (reg == SYS_SS) {
        begin_shadow(cpu);
    }
    return done(cpu, in);
}

enum sys_result sys_insn_mov_from_seg(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned reg = in->modrm >> 3 & 7;
    uint64_t linear;
    if (reg >= SYS_SEGS) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    uint16_t selector = cpu->seg[reg].selector;
    if (!in->has_mem) {
        sys_gpr_put(cpu, sys_modrm_rm(in), sys_far_size(in), selector);
    } else if (!sys_operand(cpu, in, 2, SYS_WRITE, &linear) ||
               !sys_mem_write(cpu, linear, &selector, 2, SYS_WRITE)) {
        return SYS_EXCEPTION;
    }
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}

enum sys_result sys_insn_load_far(struct sys_cpu *cpu, const struct sys_insn *in)
{
    enum sys_seg_reg reg;
    switch (in->map << 8 | in->opcode) {
    case 0x0c4:
        reg = SYS_ES;
        break;
    case 0x0c5:
        reg = SYS_DS;
        break;
    case 0x1b2:
        reg = SYS_SS;
        break;
    case 0x1b4:
        reg = SYS_FS;
        break;
    default:
        reg = SYS_GS;
        break;
    }
    struct sys_far_pointer p;
    if (!in->has_mem) {
        return sys_result_of(sys_raise(cpu, SYS_UD));
    }
    if (!sys_far_pointer_load(cpu, in, &p) || !sys_seg_load(cpu, reg, p.selector)) {
        return SYS_EXCEPTION;
    }
    sys_gpr_put(cpu, sys_modrm_reg(in), sys_far_size(in), p.offset);
    return done(cpu, in);
}

/* 06 0E 16 1E (and + 1): ES CS SS DS; 0F A0, A8: FS GS. */
static enum sys_seg_reg opcode_seg(const struct sys_insn *in)
{
    unsigned op = in->opcode;
    return (enum sys_seg_reg)(in->map == 0 ? op >> 3 & 3 : op >= 0xa8 ? SYS_GS : SYS_FS);
}

enum sys_result sys_insn_push_seg(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = sys_stack_size(in);
    uint16_t selector = cpu->seg[opcode_seg(in)].selector;
    struct sys_stack st = sys_stack_current(cpu);
    if (size != 4) {
        const uint64_t value = selector;
        if (!sys_stack_push(cpu, &st, size, &value, 1)) {
            return SYS_EXCEPTION;
        }
    } else {
        /* Only the low half of the slot is written. */
        struct sys_stack low = st;
        const uint64_t value = selector;
        low.sp = (low.sp - 2) & low.mask;
        if (!sys_stack_push(cpu, &low, 2, &value, 1)) {
            return SYS_EXCEPTION;
        }
        st.sp = low.sp;
    }
    sys_stack_commit(cpu, &st);
    cpu->rip = sys_insn_next_ip(in);
    return SYS_DONE;
}

enum sys_result sys_insn_pop_seg(struct sys_cpu *cpu, const struct sys_insn *in)
{
    enum sys_seg_reg reg = opcode_seg(in);
    struct sys_stack st = sys_stack_current(cpu);
    uint64_t value;
    if (!sys_stack_peek(cpu, &st, sys_stack_size(in), &value, 1)) {
        return SYS_EXCEPTION;
    }
    sys_stack_drop(&st, sys_stack_size(in));
    /* The stack's width is that before a load of SS. */
    if (!sys_seg_load(cpu, reg, (uint16_t)value)) {
        return SYS_EXCEPTION;
    }
    sys_stack_commit(cpu, &st);
    if (reg == SYS_SS) {
        begin_shadow(cpu);
    }
    return done(cpu, in);
}
