/* The two entries of a block, for flags that are aside and for flags in RFLAGS: one where
 * they are dead. The body begins as it wants them first. Both poll cpu->exit_request, and count the
 * block's instructions if they are to be counted. Jumps onward enter behind the poll. */
#include "exec/cpu.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"

static void patch_short(struct emit *e, size_t at)
{
    size_t distance = e->len - at;
    if (distance > 127) {
        e->overflow = true;
    }
    if (!e->overflow) {
        e->rw[at - 1] = (uint8_t)distance;
    }
}

static void emit_poll_out(struct sys_translation *t, struct sys_slow *s)
{
    if (s->arg[0]) { /* RCX was borrowed */
        emit_mov_reg_reg(&t->e, X86_RCX, SYS_HOST_S1);
    }
    sys_emit_leave(t, SYS_LEAVE_POLL, t->insns[0].ip);
}

static struct emit_mem exit_request(void)
{
    return emit_gs(offsetof(struct sys_cpu, cpu) + offsetof(struct cpu, exit_request));
}

/* At the cost of the flags. */
static void emit_poll(struct sys_translation *t)
{
    struct emit *e = &t->e;
    struct emit_mem request = exit_request();
    emit_op_mem(e, 0, false, 0x83, 7, &request, 1); /* cmp dword gs:[exit_request], 0 */
    emit_u8(e, 0);
    emit_u8(e, 0x0f); /* jne */
    emit_u8(e, 0x85);
    uintptr_t field = emit_pc(e);
    emit_u32(e, 0);
    sys_slow_add(t, field, emit_poll_out, &t->insns[0]);
}

/* Without touching any. */
static void emit_careful_poll(struct sys_translation *t)
{
    struct emit *e = &t->e;
    struct emit_mem request = exit_request();
    emit_mov_reg_reg(e, SYS_HOST_S1, X86_RCX);
    emit_op_mem(e, 0, false, 0x8b, X86_RCX, &request, 0);
    emit_u8(e, 0xe3); /* jrcxz over the jump */
    emit_u8(e, 5);
    emit_u8(e, 0xe9);
    uintptr_t field = emit_pc(e);
    emit_u32(e, 0);
    sys_slow_add(t, field, emit_poll_out, &t->insns[0])->arg[0] = true;
    emit_mov_reg_reg(e, X86_RCX, SYS_HOST_S1);
}

static struct emit_mem insns_left(void)
{
    return emit_gs(offsetof(struct sys_cpu, cpu) + offsetof(struct cpu, icount.left));
}

/* Too few are left. */
static void emit_count_out(struct sys_translation *t, struct sys_slow *s)
{
    struct emit_mem left = insns_left();
    (void)s;
    emit_op_mem(&t->e, 0, false, 0x83, 0, &left, 1); /* add dword gs:[left], imm8 */
    emit_u8(&t->e, (uint8_t)t->insn_count);
    sys_emit_leave(t, SYS_LEAVE_COUNT, t->insns[0].ip);
}

/* Counts the block's instructions, at the cost of the flags. */
static void emit_count(struct sys_translation *t)
{
    _Static_assert(SYS_TB_MAX_INSNS < 128, "an imm8");
    struct emit *e = &t->e;
    struct emit_mem left = insns_left();
    if (!(t->mode & SYS_MODE_ICOUNT)) {
        return;
    }
    emit_op_mem(e, 0, false, 0x83, 5, &left, 1); /* sub dword gs:[left], imm8 */
    emit_u8(e, (uint8_t)t->insn_count);
    emit_u8(e, 0x0f); /* jl */
    emit_u8(e, 0x8c);
    uintptr_t field = emit_pc(e);
    emit_u32(e, 0);
    sys_slow_add(t, field, emit_count_out, &t->insns[0]);
}

/* Whether the block has its flags put aside, to look an address up, before it wants
 * them in RFLAGS. */
static bool begins_aside(const struct sys_translation *t)
{
    for (unsigned i = 0; i < t->insn_count && t->live_in[i]; i++) {
        const struct sys_insn *in = &t->insns[i];
        if ((in->cls == SYS_INSN_DATA && in->has_mem && in->mem_size) ||
            in->cls == SYS_INSN_STACK || in->cls == SYS_INSN_RET || in->cls == SYS_INSN_CALL ||
            in->cls == SYS_INSN_CALL_IND || in->cls == SYS_INSN_JMP_IND) {
            return true;
        }
        if (in->flags_read || in->flags_written) {
            return false;
        }
    }
    return false;
}

uintptr_t sys_emit_entries(struct sys_translation *t)
{
    struct emit *e = &t->e;
    uintptr_t host = emit_pc(e);
    bool aside = begins_aside(t);
    t->at = 0;
    t->flags_live = t->live_in[0];
    if (t->flags_live && (aside || t->mode & SYS_MODE_ICOUNT)) {
        sys_flags_save(t); /* for the checked entry, right behind */
    }
    t->checked = emit_pc(e);
    t->flags_aside = t->flags_live;
    emit_poll(t);
    emit_count(t);
    uint8_t behind = t->mode & SYS_MODE_ICOUNT ? 0 : (uint8_t)(emit_pc(e) - t->checked);
    t->onward[0] = t->flags_live ? 0 : behind;
    t->onward[1] = behind;
    if (!t->flags_live || aside) {
        return host;
    }
    sys_flags_restore(t);
    if (t->mode & SYS_MODE_ICOUNT) {
        return host;
    }
    emit_u8(e, 0xeb);
    emit_u8(e, 0);
    size_t over = e->len;
    host = emit_pc(e);
    emit_careful_poll(t);
    patch_short(e, over);
    t->onward[0] = (uint8_t)(emit_pc(e) - host);
    return host;
}
