/* Lowering of control flow and of what leaves to C.
 *
 * Direct branches become patchable jumps to exits. Indirect ones look the
 * target up in the vCPU's jump cache: RAX holds the target, RCX its low 16
 * bits, and the entry jumped to is either the checked entry of a TB, which
 * compares RAX with its own address and gives both registers back, or the
 * miss stub. No flag is touched on the way. */
#include "x86/stubs.h"
#include "x86/translate.h"

#define SAVED_RAX (1u << X86_RAX)
#define SAVED_RCX (1u << X86_RCX)

unsigned x86_lower_exit(struct translation *t, int cc, uint64_t target)
{
    if (t->exit_count >= X86_TB_MAX_EXITS) {
        t->e.overflow = true;
        return 0;
    }
    unsigned n = t->exit_count++;
    uintptr_t field = emit_patchable_jump(&t->e, cc, t->e.rx);
    t->exits[n] = (struct tb_exit){.pc = target, .field = field};
    return n;
}

/* PUSH of the return address: guest code expects the guest's. */
static void push_return_address(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    uint64_t next = x86_insn_next(in);
    if (next <= INT32_MAX) {
        emit_u8(e, 0x68);
        emit_u32(e, (uint32_t)next);
        return;
    }
    if (t->literal_count >= X86_TB_MAX_LITERALS) {
        e->overflow = true;
        return;
    }
    emit_u8(e, 0xff); /* push [rip + literal] */
    emit_u8(e, 0x35);
    unsigned n = t->literal_count++;
    t->literals[n] = next;
    t->literal_fields[n] = emit_pc(e);
    emit_u32(e, 0);
}

/* RAX := target, with both registers saved before; then the jump. */
void x86_lower_jump_through_cache(struct translation *t)
{
    struct emit *e = &t->e;
    static const uint8_t movzx_ecx_ax[] = {0x0f, 0xb7, 0xc8};
    emit_bytes(e, movzx_ecx_ax, sizeof(movzx_ecx_ax));
    struct emit_mem m = emit_gs(offsetof(struct x86_cpu, jump_cache));
    m.index = X86_RCX;
    m.scale = 3;
    emit_op_mem(e, 0, false, 0xff, 4, &m, 0);
}

static void load_indirect_target(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    if (in->reg_operand) {
        if (in->base != X86_RAX) {
            emit_mov_reg_reg(e, X86_RAX, in->base);
        }
        return;
    }
    struct emit_mem m = {
        .base = in->base, .index = in->index, .scale = in->scale, .disp = in->disp};
    if (in->mem == X86_MEM_RIP && emit_in_reach(e, in->target)) {
        m = (struct emit_mem){.rip = true, .disp = (int64_t)in->target};
    } else if (in->mem == X86_MEM_SEG) {
        /* offset first: it may need RAX and RCX, the base then needs one */
        if (in->target) {
            emit_mov_imm(e, X86_RAX, in->target);
        } else {
            if (in->addr32) {
                emit_u8(e, 0x67);
            }
            emit_op_mem(e, 0, !in->addr32, 0x8d, X86_RAX, &m, 0);
        }
        emit_load_state(e, X86_RCX,
                        in->seg_gs ? offsetof(struct x86_cpu, gs_base)
                                   : offsetof(struct x86_cpu, fs_base));
        m = (struct emit_mem){.base = X86_RAX, .index = X86_RCX};
    } else if (in->mem == X86_MEM_RIP || in->addr32) {
        m = x86_lower_address(t, in, X86_RAX, X86_RCX);
    }
    emit_mov_reg_mem(e, X86_RAX, &m);
}

static void lower_indirect(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    emit_save_slot(e, X86_RAX);
    x86_restart_at(t, in, SAVED_RAX);
    emit_save_slot(e, X86_RCX);
    x86_restart_at(t, in, SAVED_RAX | SAVED_RCX);
    if (in->cls == X86_INSN_RET) {
        struct emit_mem top = {.base = X86_RSP, .index = X86_NONE};
        emit_mov_reg_mem(e, X86_RAX, &top);
        top.disp = 8 + in->imm;
        emit_lea(e, X86_RSP, &top);
    } else {
        load_indirect_target(t, in);
        if (in->cls == X86_INSN_CALL_IND) {
            push_return_address(t, in);
        }
    }
    x86_restart_rax(t, SAVED_RAX | SAVED_RCX);
    x86_lower_jump_through_cache(t);
}

/* LOOP and JRCXZ reach 127 bytes only: they jump over a jump. */
static void lower_loop(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    emit_bytes(e, in->bytes, (size_t)in->len - 1);
    emit_u8(e, 2);
    x86_restart_after(t, in, 0);
    emit_u8(e, 0xeb); /* not taken */
    size_t skip = e->len;
    emit_u8(e, 0);
    unsigned n = t->exit_count;
    x86_restart_exit(t, n, 0);
    x86_lower_exit(t, -1, in->target);
    if (!e->overflow) {
        e->rw[skip] = (uint8_t)(e->len - skip - 1);
    }
    x86_restart_after(t, in, 0);
}

void x86_lower_branch(struct translation *t, const struct x86_insn *in)
{
    switch (in->cls) {
    case X86_INSN_JMP:
        x86_lower_exit(t, -1, in->target);
        break;
    case X86_INSN_JCC:
        x86_lower_exit(t, in->cc, in->target);
        break;
    case X86_INSN_LOOP:
        lower_loop(t, in);
        break;
    case X86_INSN_CALL:
        push_return_address(t, in);
        x86_restart_exit(t, t->exit_count, 0);
        x86_lower_exit(t, -1, in->target);
        break;
    default:
        lower_indirect(t, in);
    }
}

static void leave(struct translation *t, const struct x86_insn *in, enum x86_special what,
                  uint64_t rip)
{
    struct emit *e = &t->e;
    emit_save_slot(e, X86_RAX);
    x86_restart_at(t, in, SAVED_RAX);
    emit_mov_imm(e, X86_RAX, rip);
    emit_store_state(e, offsetof(struct x86_cpu, rip), X86_RAX);
    emit_mov_imm(e, X86_RAX, what);
    emit_jmp(e, x86_stubs.special);
}

void x86_lower_exit_special(struct translation *t, const struct x86_insn *in, enum x86_special what)
{
    leave(t, in, what, in->pc);
}

void x86_lower_special(struct translation *t, const struct x86_insn *in)
{
    enum x86_special what = X86_SPECIAL_ILLEGAL;
    bool after = false; /* rip behind the instruction, not at it */
    switch (in->cls) {
    case X86_INSN_SYSCALL:
        what = X86_SPECIAL_SYSCALL;
        after = true;
        break;
    case X86_INSN_INT3:
        what = X86_SPECIAL_INT3;
        after = true;
        break;
    case X86_INSN_INT80:
        what = X86_SPECIAL_INT80;
        after = true;
        break;
    case X86_INSN_EMULATE:
        what = X86_SPECIAL_EMULATE;
        break;
    case X86_INSN_PRIVILEGED:
        what = X86_SPECIAL_PRIVILEGED;
        break;
    default:
        break;
    }
    leave(t, in, what, after ? x86_insn_next(in) : in->pc);
}
