/* Arithmetic flags stay in the host's RFLAGS from the guest instruction that makes
 * them to the one that reads them. Where code in between needs RFLAGS itself, they
 * are put aside into cpu->flags if they are live: as LAHF and SETO leave them in
 * AX, which costs a fraction of PUSHF and POPF. */
#include "x86sys/translate.h"

static void emit_swap_out_rax(struct emit *e)
{
    emit_mov_reg_reg(e, SYS_HOST_S1, X86_RAX);
}

static void emit_swap_in_rax(struct emit *e)
{
    emit_mov_reg_reg(e, X86_RAX, SYS_HOST_S1);
}

void sys_flags_save(struct sys_translation *t)
{
    static const uint8_t lahf_seto_al[] = {0x9f, 0x0f, 0x90, 0xc0};
    if (!t->flags_live || t->flags_aside) {
        return;
    }
    struct emit_mem m = emit_gs(offsetof(struct sys_cpu, flags));
    emit_swap_out_rax(&t->e);
    emit_bytes(&t->e, lahf_seto_al, sizeof(lahf_seto_al));
    emit_op_mem(&t->e, 0, false, 0x89, X86_RAX, &m, 0);
    emit_swap_in_rax(&t->e);
    t->flags_aside = true;
}

void sys_flags_restore(struct sys_translation *t)
{
    static const uint8_t add_al_sahf[] = {0x04, 0x7f, 0x9e}; /* the sum overflows if AL is 1 */
    if (!t->flags_aside) {
        return;
    }
    struct emit_mem m = emit_gs(offsetof(struct sys_cpu, flags));
    emit_swap_out_rax(&t->e);
    emit_op_mem(&t->e, 0, false, 0x8b, X86_RAX, &m, 0);
    emit_bytes(&t->e, add_al_sahf, sizeof(add_al_sahf));
    emit_swap_in_rax(&t->e);
    t->flags_aside = false;
}

static bool leaves_block(const struct sys_translation *t, const struct sys_insn *in)
{
    return in->cls == SYS_INSN_JCC || in->cls == SYS_INSN_LOOP ||
           (sys_insn_ends_tb(in) && !sys_system_is_inline(t, in));
}

void sys_flags_analyse(struct sys_translation *t)
{
    uint32_t live = SYS_RF_ARITH;
    t->live[t->insn_count] = live;
    t->live_in[t->insn_count] = true;
    for (unsigned i = t->insn_count; i-- > 0;) {
        const struct sys_insn *in = &t->insns[i];
        if (leaves_block(t, in)) {
            live = SYS_RF_ARITH;
        } else {
            live = (live & ~in->flags_written) | in->flags_read;
        }
        t->live[i] = live;
        t->live_in[i] = live != 0;
    }
}
