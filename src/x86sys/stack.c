/* Lowering of the stack's instructions, in all modes: the width of the stack
 * pointer is the stack segment's, that of an element the operand size.
 *
 * RSP changes when the access is through, so that a fault finds it as it was. */
#include "x86sys/rename.h"
#include "x86sys/translate.h"

enum { OP_PUSH = 0x50, OP_POP = 0x58, OP_LEAVE = 0xc9 };

static unsigned stack_width(const struct sys_translation *t)
{
    return t->mode & SYS_MODE_CODE64 ? 8 : t->mode & SYS_MODE_STACK32 ? 4 : 2;
}

/* Whether linear addresses on the stack are plain offsets. */
static bool is_flat(const struct sys_translation *t)
{
    return (t->mode & (SYS_MODE_CODE64 | SYS_MODE_FLAT)) != 0;
}

/* S0 = offset of the stack pointer (or of another register) plus disp. */
static void emit_offset(struct sys_translation *t, uint8_t reg, int disp)
{
    static const uint8_t movzx_r13d_r13w[] = {0x45, 0x0f, 0xb7, 0xed};
    struct emit_mem m = {.base = reg, .index = X86_NONE, .disp = disp};
    emit_op_mem(&t->e, 0, stack_width(t) == 8, 0x8d, SYS_HOST_S0, &m, 0);
    if (stack_width(t) == 2) {
        emit_bytes(&t->e, movzx_r13d_r13w, sizeof(movzx_r13d_r13w));
    }
}

/* The stack pointer = register + bytes, in its width. */
static void emit_set_sp(struct sys_translation *t, uint8_t reg, int bytes)
{
    unsigned width = stack_width(t);
    struct emit_mem m = {.base = reg, .index = X86_NONE, .disp = bytes};
    emit_op_mem(&t->e, width == 2 ? 0x66 : 0, width == 8, 0x8d, SYS_HOST_RSP, &m, 0);
}

void sys_stack_add(struct sys_translation *t, int bytes)
{
    emit_set_sp(t, SYS_HOST_RSP, bytes);
}

static void emit_at_s0(struct sys_translation *t, unsigned size, bool store, uint8_t reg)
{
    struct emit_mem m = {.base = SYS_HOST_S0, .index = X86_NONE};
    emit_op_mem(&t->e, size == 2 ? 0x66 : 0, size == 8, store ? 0x89 : 0x8b, reg, &m, 0);
}

/* --- accesses --- */

static void address_above(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)in;
    (void)arg;
    emit_offset(t, SYS_HOST_RSP, 0);
}

static void address_below(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)in;
    emit_offset(t, SYS_HOST_RSP, -(int)(arg >> 8 & 0xff));
}

void sys_stack_top(struct sys_translation *t, const struct sys_insn *in, unsigned size)
{
    const struct sys_access_plan plan = {.size = size,
                                         .access = SYS_READ | (uint32_t)SYS_SLOW_STACK,
                                         .recent = sys_recent_stack(t),
                                         .address = is_flat(t) ? address_above : NULL};
    emit_offset(t, SYS_HOST_RSP, 0);
    sys_emit_linear(t, in, SYS_SS, size, SYS_READ);
    sys_emit_access(t, in, &plan);
}

/* Where a pushed value is: a host register, or S1 is to be loaded with it. */
enum push_from { FROM_REG, FROM_STATE, FROM_KEPT, FROM_IMM };

/* arg: bits 0..7 the register, 8..15 the size, 16..23 enum push_from. */
static uint64_t push_arg(unsigned reg, unsigned size, enum push_from from)
{
    return reg | size << 8 | (uint64_t)from << 16;
}

/* The store at S0; once in line, once out of it. */
static void store_pushed(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    uint8_t reg = (uint8_t)arg;
    unsigned size = arg >> 8 & 0xff;
    switch ((enum push_from)(arg >> 16 & 0xff)) {
    case FROM_STATE:
        emit_load_state(&t->e, SYS_HOST_S1, offsetof(struct sys_cpu, gpr) + 8UL * reg);
        reg = SYS_HOST_S1;
        break;
    case FROM_KEPT:
        emit_load_state(&t->e, SYS_HOST_S1, offsetof(struct sys_cpu, kept_value));
        reg = SYS_HOST_S1;
        break;
    case FROM_IMM: {
        bool call = in->cls == SYS_INSN_CALL || in->cls == SYS_INSN_CALL_IND;
        if (call) {
            sys_emit_guest_address(t, SYS_HOST_S1, sys_insn_next_ip(in));
        } else {
            emit_mov_imm(&t->e, SYS_HOST_S1, in->imm);
        }
        reg = SYS_HOST_S1;
        break;
    }
    default:
        break;
    }
    emit_at_s0(t, size, true, reg);
}

/* A CALL that is over goes on at cpu->kept_target (slow.c). */
static void keep_target(struct sys_translation *t, const struct sys_insn *in)
{
    if (in->cls == SYS_INSN_CALL) {
        sys_emit_guest_address(t, SYS_HOST_S1, in->target);
    } else if (in->cls == SYS_INSN_CALL_IND && sys_calls_register(in)) {
        sys_emit_get(t, SYS_HOST_S1, sys_guest_reg(in, SYS_PLACE_RM));
    } else {
        return; /* no call, or the target is there */
    }
    emit_store_state(&t->e, offsetof(struct sys_cpu, kept_target), SYS_HOST_S1);
}

/* The whole instruction but for a CALL's jump: what comes behind the store out of line
 * may be the loop (sys_emit_commit). */
static void finish_push(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    store_pushed(t, in, arg);
    sys_stack_add(t, -(int)(arg >> 8 & 0xff));
    keep_target(t, in);
}

static void push(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    unsigned size = arg >> 8 & 0xff;
    const struct sys_access_plan plan = {.size = size,
                                         .access = SYS_WRITE | (uint32_t)SYS_SLOW_STACK,
                                         .recent = sys_recent_stack(t),
                                         .again = finish_push,
                                         .address = is_flat(t) ? address_below : NULL,
                                         .arg = arg};
    emit_offset(t, SYS_HOST_RSP, -(int)size);
    sys_emit_linear(t, in, SYS_SS, size, SYS_WRITE);
    sys_emit_access(t, in, &plan);
    store_pushed(t, in, arg);
    sys_stack_add(t, -(int)size);
    sys_emit_access_done(t);
}

void sys_stack_push_imm(struct sys_translation *t, const struct sys_insn *in, unsigned size)
{
    push(t, in, push_arg(0, size, FROM_IMM));
}

/* Pushes cpu->kept_value. */
void sys_stack_push_kept(struct sys_translation *t, const struct sys_insn *in, unsigned size)
{
    push(t, in, push_arg(0, size, FROM_KEPT));
}

static void push_reg(struct sys_translation *t, const struct sys_insn *in, uint8_t guest)
{
    uint8_t host = sys_host_reg(guest);
    push(t, in,
         host == X86_NONE ? push_arg(guest, in->op_size, FROM_STATE)
                          : push_arg(host, in->op_size, FROM_REG));
}

static void push_mem(struct sys_translation *t, const struct sys_insn *in)
{
    const struct sys_access_plan plan = {.size = in->op_size,
                                         .access = sys_operand_access(in, SYS_READ)};
    sys_emit_operand_address(t, in);
    sys_emit_access(t, in, &plan);
    emit_at_s0(t, in->op_size, false, SYS_HOST_S1);
    sys_emit_access_done(t);
    emit_store_state(&t->e, offsetof(struct sys_cpu, kept_value), SYS_HOST_S1);
    sys_stack_push_kept(t, in, in->op_size);
}

/* POP of the stack pointer itself does not count it up. */
static void pop_reg(struct sys_translation *t, const struct sys_insn *in, uint8_t guest)
{
    uint8_t host = sys_host_reg(guest);
    sys_stack_top(t, in, in->op_size);
    if (host == X86_NONE) {
        if (in->op_size == 2) {
            emit_load_state(&t->e, SYS_HOST_S1, offsetof(struct sys_cpu, gpr) + 8UL * guest);
        }
        emit_at_s0(t, in->op_size, false, SYS_HOST_S1);
        emit_store_state(&t->e, offsetof(struct sys_cpu, gpr) + 8UL * guest, SYS_HOST_S1);
    } else {
        emit_at_s0(t, in->op_size, false, host);
    }
    sys_emit_access_done(t);
    if (guest != X86_RSP) {
        sys_stack_add(t, in->op_size);
    }
}

static void finish_pop(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    store_pushed(t, in, arg);
    sys_stack_add(t, in->op_size);
}

/* An address based on the stack pointer takes it as it is after the pop: decoding
 * has added that. */
static void pop_mem(struct sys_translation *t, const struct sys_insn *in)
{
    const struct sys_access_plan plan = {.size = in->op_size,
                                         .access = sys_operand_access(in, SYS_WRITE),
                                         .again = finish_pop,
                                         .arg = push_arg(0, in->op_size, FROM_KEPT)};
    sys_stack_top(t, in, in->op_size);
    emit_at_s0(t, in->op_size, false, SYS_HOST_S1);
    sys_emit_access_done(t);
    emit_store_state(&t->e, offsetof(struct sys_cpu, kept_value), SYS_HOST_S1);
    sys_emit_operand_address(t, in);
    sys_emit_access(t, in, &plan);
    finish_pop(t, in, plan.arg);
    sys_emit_access_done(t);
}

static void address_frame(struct sys_translation *t, const struct sys_insn *in, uint64_t arg)
{
    (void)in;
    (void)arg;
    emit_offset(t, X86_RBP, 0);
}

static void leave(struct sys_translation *t, const struct sys_insn *in)
{
    const struct sys_access_plan plan = {.size = in->op_size,
                                         .access = SYS_READ | (uint32_t)SYS_SLOW_STACK,
                                         .recent = sys_recent_stack(t),
                                         .address = is_flat(t) ? address_frame : NULL};
    emit_offset(t, X86_RBP, 0);
    sys_emit_linear(t, in, SYS_SS, in->op_size, SYS_READ);
    sys_emit_access(t, in, &plan);
    emit_set_sp(t, X86_RBP, in->op_size);
    emit_at_s0(t, in->op_size, false, X86_RBP);
    sys_emit_access_done(t);
}

bool sys_stack_is_c(const struct sys_insn *in)
{
    if (in->map != 0) {
        return true;
    }
    switch (in->opcode) {
    case 0x68:
    case 0x6a:
    case 0x8f:
    case 0xff:
    case OP_LEAVE:
        return false;
    default:
        return in->opcode < OP_PUSH || in->opcode > OP_POP + 7;
    }
}

void sys_lower_stack(struct sys_translation *t, const struct sys_insn *in)
{
    uint8_t reg = (uint8_t)((in->opcode & 7) | (in->rex & 1) << 3);
    uint8_t rm = (uint8_t)((in->modrm & 7) | (in->rex & 1) << 3);
    if (sys_stack_is_c(in)) {
        sys_lower_c(t, in);
        return;
    }
    switch (in->opcode) {
    case 0x68:
    case 0x6a:
        sys_stack_push_imm(t, in, in->op_size);
        break;
    case 0xff:
        if (in->has_mem) {
            push_mem(t, in);
        } else {
            push_reg(t, in, rm);
        }
        break;
    case 0x8f:
        if (in->has_mem) {
            pop_mem(t, in);
        } else {
            pop_reg(t, in, rm);
        }
        break;
    case OP_LEAVE:
        leave(t, in);
        break;
    default:
        if (in->opcode < OP_POP) {
            push_reg(t, in, reg);
        } else {
            pop_reg(t, in, reg);
        }
    }
}
