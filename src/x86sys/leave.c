/* Ways out of a block while it is emitted: to the loop and its C, and to the slow path
 * and back; and the points from which the guest's place is asked. */
#include "x86sys/stubs.h"
#include "x86sys/translate.h"

static enum sys_flags_at flags_at(const struct sys_translation *t)
{
    return t->flags_aside ? SYS_FLAGS_ASIDE : t->flags_live ? SYS_FLAGS_HOST : SYS_FLAGS_DEAD;
}

void sys_emit_leave(struct sys_translation *t, uint32_t kind_and_more, uint64_t arg)
{
    if ((kind_and_more & 0xff) == SYS_LEAVE_CHAIN) {
        emit_mov_imm(&t->e, SYS_HOST_S0, arg);
        sys_reloc_note(t, SYS_RELOC_EXIT);
    } else {
        sys_emit_guest_address(t, SYS_HOST_S0, arg);
    }
    emit_mov_imm(&t->e, SYS_HOST_S1, kind_and_more | flags_at(t) << SYS_LEAVE_FLAGS_SHIFT);
    emit_jmp(&t->e, sys_stubs.leave);
    sys_reloc_note(t, SYS_RELOC_STUB);
}

/* More about a way out at the instruction being lowered, which has not been executed. */
static uint32_t leave_ahead(const struct sys_translation *t)
{
    return t->mode & SYS_MODE_ICOUNT ? (t->insn_count - t->at) << SYS_LEAVE_AHEAD_SHIFT : 0;
}

void sys_emit_raise(struct sys_translation *t, const struct sys_insn *in, uint8_t vector)
{
    sys_emit_leave(t, SYS_LEAVE_RAISE | (uint32_t)vector << SYS_LEAVE_VECTOR_SHIFT | leave_ahead(t),
                   in->ip);
}

void sys_lower_c(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    if (t->c_count == SYS_TB_MAX_C) {
        e->overflow = true;
        return;
    }
    emit_u8(e, 0x41); /* mov r13d, imm32 */
    emit_u8(e, 0xb8 | (SYS_HOST_S0 & 7));
    t->c[t->c_count].field = emit_pc(e);
    t->c[t->c_count++].insn = (unsigned)(in - t->insns);
    emit_u32(e, 0);
    sys_reloc_note(t, SYS_RELOC_INSN);
    emit_mov_imm(e, SYS_HOST_S1,
                 SYS_LEAVE_EXECUTE | flags_at(t) << SYS_LEAVE_FLAGS_SHIFT | leave_ahead(t));
    emit_jmp(e, sys_stubs.leave);
    sys_reloc_note(t, SYS_RELOC_STUB);
}

struct sys_slow *sys_slow_add(struct sys_translation *t, uintptr_t field,
                              void (*emit)(struct sys_translation *t, struct sys_slow *s),
                              const struct sys_insn *in)
{
    if (t->slow_count == SYS_TB_MAX_SLOW) { /* the block is given up */
        t->e.overflow = true;
        t->slow_count--;
    }
    struct sys_slow *s = &t->slow[t->slow_count++];
    *s = (struct sys_slow){.field = field,
                           .emit = emit,
                           .in = in,
                           .at = t->at,
                           .flags_live = t->flags_live,
                           .flags_aside = t->flags_aside};
    return s;
}

/* The guest's place may be asked from here: a call has just been emitted, or is an
 * instruction about to be that the host may refuse. */
static void note_point(struct sys_translation *t, enum sys_flags_at flags)
{
    const struct sys_insn *in = &t->insns[t->at];
    bool call = in->cls == SYS_INSN_CALL || in->cls == SYS_INSN_CALL_IND;
    if (t->point_count == SYS_TB_MAX_POINTS) {
        t->e.overflow = true;
        return;
    }
    t->points[t->point_count++] =
        (struct tb_restart){.host_off = (uint16_t)t->e.len,
                            .guest_off = (uint16_t)(in->linear - t->linear),
                            .saved = (uint16_t)flags,
                            .kind = (uint8_t)t->at,
                            .pad = call ? 0 : in->len};
}

void sys_emit_trap_point(struct sys_translation *t)
{
    note_point(t, flags_at(t));
}

static void emit_call(struct sys_translation *t, uintptr_t target)
{
    emit_u8(&t->e, 0xe8);
    emit_u32(&t->e, (uint32_t)(target - (emit_pc(&t->e) + 4)));
    sys_reloc_note(t, SYS_RELOC_STUB);
}

void sys_emit_slow_call(struct sys_translation *t, uint32_t size, uint32_t access)
{
    emit_mov_imm(&t->e, SYS_HOST_S1, size | access << 16);
    sys_emit_slow_call_sized(t);
}

void sys_emit_slow_call_sized(struct sys_translation *t)
{
    emit_call(t, sys_stubs.slow);
    note_point(t, flags_at(t));
}

void sys_emit_commit(struct sys_translation *t)
{
    emit_call(t, sys_stubs.commit);
    note_point(t, t->flags_aside          ? SYS_FLAGS_ASIDE
                  : t->live_in[t->at + 1] ? SYS_FLAGS_HOST
                                          : SYS_FLAGS_DEAD);
}
