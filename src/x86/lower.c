/* Lowering of instructions that run as themselves. Most are copied byte for
 * byte, since guest registers are host registers and guest addresses are
 * host addresses. Only rip-relative operands (the copy lies elsewhere) and
 * FS or GS operands (the host's FS is the emulator's own) are replaced; the
 * address then goes through a borrowed register, whose guest value is kept
 * in its slot and announced by restart points. */
#include "x86/translate.h"

static void restart(struct translation *t, uint8_t kind, uint16_t guest_off, uint16_t saved)
{
    uint16_t off = (uint16_t)t->e.len;
    if (t->restart_count && t->restarts[t->restart_count - 1].host_off == off) {
        t->restart_count--; /* no code in between: the later one holds */
    }
    if (t->restart_count >= X86_TB_MAX_RESTARTS) {
        t->e.overflow = true;
        return;
    }
    t->restarts[t->restart_count++] =
        (struct tb_restart){.host_off = off, .guest_off = guest_off, .saved = saved, .kind = kind};
}

void x86_restart_at(struct translation *t, const struct x86_insn *in, uint16_t saved)
{
    restart(t, TB_RESTART_PC, (uint16_t)(in->pc - t->pc), saved);
}

void x86_restart_run(struct translation *t, const struct x86_insn *in)
{
    uint16_t guest_off = (uint16_t)(in->pc - t->pc);
    if (t->restart_count) {
        const struct tb_restart *last = &t->restarts[t->restart_count - 1];
        if (last->kind == TB_RESTART_RUN &&
            t->e.len - last->host_off == (size_t)(guest_off - last->guest_off)) {
            return;
        }
    }
    restart(t, TB_RESTART_RUN, guest_off, 0);
}

void x86_restart_after(struct translation *t, const struct x86_insn *in, uint16_t saved)
{
    restart(t, TB_RESTART_PC, (uint16_t)(x86_insn_next(in) - t->pc), saved);
}

void x86_restart_rax(struct translation *t, uint16_t saved)
{
    restart(t, TB_RESTART_RAX, 0, saved);
}

void x86_restart_exit(struct translation *t, unsigned exit, uint16_t saved)
{
    restart(t, TB_RESTART_EXIT, (uint16_t)exit, saved);
}

bool x86_insn_ends_tb(const struct x86_insn *in)
{
    switch (in->cls) {
    case X86_INSN_COPY:
    case X86_INSN_XSTATE:
    case X86_INSN_LEA_RIP:
    case X86_INSN_JCC:
    case X86_INSN_LOOP:
        return false;
    default:
        return true;
    }
}

/* A register that the instruction does not touch; low ones first, because an
 * instruction that names AH..BH can't take a REX prefix. Not RBP: addresses
 * based on it fault as stack accesses (SIGBUS). */
static uint8_t pick_scratch(uint16_t used)
{
    static const uint8_t order[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBX,
                                    X86_R8,  X86_R9,  X86_R10, X86_R11, X86_R12, X86_R13};
    for (size_t i = 0; i < sizeof(order); i++) {
        if (!(used & (1u << order[i]))) {
            return order[i];
        }
    }
    return X86_R14; /* no instruction uses 12 registers */
}

struct emit_mem x86_lower_address(struct translation *t, const struct x86_insn *in, uint8_t scratch,
                                  uint8_t scratch2)
{
    struct emit *e = &t->e;
    if (in->mem == X86_MEM_RIP) {
        emit_mov_imm(e, scratch, in->target);
        return (struct emit_mem){.base = scratch, .index = X86_NONE};
    }
    size_t base =
        in->seg_gs ? offsetof(struct x86_cpu, gs_base) : offsetof(struct x86_cpu, fs_base);
    struct emit_mem m = {
        .base = in->base, .index = in->index, .scale = in->scale, .disp = in->disp};
    if (in->mem != X86_MEM_SEG) { /* addr32 only */
        emit_u8(e, 0x67);
        emit_op_mem(e, 0, false, 0x8d, scratch, &m, 0);
        return (struct emit_mem){.base = scratch, .index = X86_NONE};
    }
    emit_load_state(e, scratch, base);
    if (in->target) { /* fs:[rip + x] */
        emit_mov_imm(e, scratch2, in->target);
        return (struct emit_mem){.base = scratch, .index = scratch2};
    }
    if (in->addr32 && !in->vsib) { /* the offset is cut to 32 bits before the base is added */
        emit_u8(e, 0x67);
        emit_op_mem(e, 0, false, 0x8d, scratch2, &m, 0);
        return (struct emit_mem){.base = scratch, .index = scratch2};
    }
    if (in->base != X86_NONE) {
        struct emit_mem sum = {.base = scratch, .index = in->base};
        if (in->base == X86_RSP) { /* can't be an index */
            sum = (struct emit_mem){.base = X86_RSP, .index = scratch};
        }
        emit_lea(e, scratch, &sum);
    }
    m.base = scratch;
    return m;
}

static void lower_replaced(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    if (in->mem == X86_MEM_RIP && emit_in_reach(e, in->target)) {
        struct emit_mem m = {.rip = true, .disp = (int64_t)in->target};
        x86_reencode(e, in, &m);
        return;
    }
    /* A destination that is only written may serve as the address register:
     * its old value is still saved, for a fault, but need not come back. */
    bool borrow = in->dest == X86_NONE || in->dest == X86_RSP || in->dest == X86_RBP ||
                  in->dest == in->base || in->dest == in->index;
    uint8_t scratch = borrow ? pick_scratch(in->gprs) : in->dest;
    bool two = in->mem == X86_MEM_SEG && (in->target || in->addr32);
    uint8_t scratch2 = two ? pick_scratch((uint16_t)(in->gprs | (1u << scratch))) : X86_NONE;
    uint16_t saved = (uint16_t)(1u << scratch);

    emit_save_slot(e, scratch);
    x86_restart_at(t, in, saved);
    if (two) {
        emit_save_slot(e, scratch2);
        saved |= (uint16_t)(1u << scratch2);
        x86_restart_at(t, in, saved);
    }
    struct emit_mem m = x86_lower_address(t, in, scratch, scratch2);
    x86_reencode(e, in, &m);
    if (two) {
        x86_restart_after(t, in, borrow ? saved : (uint16_t)(1u << scratch2));
        emit_restore_slot(e, scratch2);
    }
    if (borrow) {
        x86_restart_after(t, in, (uint16_t)(1u << scratch));
        emit_restore_slot(e, scratch);
    }
}

/* The address of the operand as it stands, or as x86_lower_address makes it of one that
 * cannot stand, in `scratch`. */
static void lower_whole_address(struct translation *t, const struct x86_insn *in, uint8_t scratch,
                                uint8_t scratch2)
{
    struct emit_mem m = {
        .base = in->base, .index = in->index, .scale = in->scale, .disp = in->disp};
    if (in->mem != X86_MEM_AS_IS || in->addr32) {
        m = x86_lower_address(t, in, scratch, scratch2);
    }
    emit_lea(&t->e, scratch, &m);
}

/* XSAVE and its kin take from EDX:EAX which components they touch. Those that the guest
 * does not have are left out: they would be written behind its area, or protection keys
 * set that the emulator's memory needs as they are. Bits 0 to 7 are those that it may
 * have (and MPX, which Linux enables no more). Flags stay. */
static void lower_xstate(struct translation *t, const struct x86_insn *in)
{
    static const uint8_t movzx_eax_al[] = {0x0f, 0xb6, 0xc0};
    struct emit *e = &t->e;
    bool stack = in->mem == X86_MEM_AS_IS && (in->base == X86_RSP || in->base == X86_RBP);
    uint16_t used = (uint16_t)(in->gprs | 1u << X86_RAX | 1u << X86_RDX);
    /* An address that faults as one of the stack still does in RBP. */
    uint8_t scratch = stack ? (uint8_t)X86_RBP : pick_scratch(used);
    uint16_t saved = (uint16_t)(1u << scratch | 1u << X86_RAX | 1u << X86_RDX);
    emit_save_slot(e, scratch);
    emit_save_slot(e, X86_RAX);
    emit_save_slot(e, X86_RDX);
    x86_restart_at(t, in, saved);
    lower_whole_address(t, in, scratch, X86_RDX);
    emit_bytes(e, movzx_eax_al, sizeof(movzx_eax_al));
    emit_mov_imm(e, X86_RDX, 0);
    x86_reencode(e, in, &(struct emit_mem){.base = scratch, .index = X86_NONE});
    x86_restart_after(t, in, saved);
    emit_restore_slot(e, scratch);
    emit_restore_slot(e, X86_RAX);
    emit_restore_slot(e, X86_RDX);
}

static void lower_lea_rip(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    if (in->target > UINT32_MAX && emit_in_reach(e, in->target)) {
        struct emit_mem m = {.rip = true, .disp = (int64_t)in->target};
        emit_lea(e, in->dest, &m);
    } else {
        emit_mov_imm(e, in->dest, in->target);
    }
}

/* LEA r16, [rip + x]: the low half of a constant, the rest of the register
 * stays. */
static void lower_lea16(struct translation *t, const struct x86_insn *in)
{
    uint8_t reg = (uint8_t)((in->bytes[in->modrm_off] >> 3 & 7) | (in->rex & 4 ? 8 : 0));
    emit_u8(&t->e, 0x66);
    if (reg & 8) {
        emit_u8(&t->e, 0x41);
    }
    emit_u8(&t->e, (uint8_t)(0xb8 | (reg & 7)));
    emit_u8(&t->e, (uint8_t)in->target);
    emit_u8(&t->e, (uint8_t)(in->target >> 8));
}

static bool is_lea(const struct x86_insn *in)
{
    return in->encoding == X86_ENC_LEGACY && in->bytes[in->opcode_off] == 0x8d;
}

void x86_lower(struct translation *t, const struct x86_insn *in)
{
    if (in->cls == X86_INSN_COPY || in->cls == X86_INSN_LEA_RIP) {
        x86_restart_run(t, in);
    } else {
        x86_restart_at(t, in, 0);
    }
    switch (in->cls) {
    case X86_INSN_COPY:
        if (in->mem == X86_MEM_AS_IS) {
            emit_bytes(&t->e, in->bytes, in->len);
        } else if (is_lea(in)) {
            lower_lea16(t, in);
        } else {
            lower_replaced(t, in);
        }
        break;
    case X86_INSN_XSTATE:
        lower_xstate(t, in);
        break;
    case X86_INSN_LEA_RIP:
        lower_lea_rip(t, in);
        break;
    case X86_INSN_JMP:
    case X86_INSN_JCC:
    case X86_INSN_LOOP:
    case X86_INSN_CALL:
    case X86_INSN_JMP_IND:
    case X86_INSN_CALL_IND:
    case X86_INSN_RET:
        x86_lower_branch(t, in);
        break;
    case X86_INSN_FAR_RETURN:
        x86_lower_far_return(t, in);
        break;
    case X86_INSN_SEG:
        x86_lower_seg(t, in);
        break;
    default:
        x86_lower_special(t, in);
    }
}
