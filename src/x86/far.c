/* Far return and IRET, as a 64-bit process may use them: back to its own code
 * segment. (Wine and some language runtimes return with IRETQ.) Any other
 * selector is a #GP here, also the one for 32-bit code. */
#include "x86/stubs.h"
#include "x86/translate.h"

#define SAVED_RAX (1u << X86_RAX)
#define SAVED_RCX (1u << X86_RCX)
#define SAVED_RSP (1u << X86_RSP)

#define USER_CS 0x33
#define USER_SS 0x2b

/* reg := element n of the stack frame, zero-extended. */
static void load_element(struct emit *e, uint8_t reg, const struct x86_insn *in, unsigned n)
{
    struct emit_mem m = {.base = X86_RSP, .index = X86_NONE, .disp = (int64_t)n * in->op_size};
    if (in->op_size == 2) {
        emit_u8(e, 0x0f); /* movzx r32, m16: RAX or RCX, so no REX */
        emit_u8(e, 0xb7);
        emit_modrm_mem(e, reg, &m, 0);
        return;
    }
    emit_op_mem(e, 0, in->op_size == 8, 0x8b, reg, &m, 0);
}

/* Jumps over the next `skip` bytes if element n is the selector; RCX is lost. */
static size_t check_selector(struct emit *e, const struct x86_insn *in, unsigned n,
                             int32_t selector)
{
    struct emit_mem m = {.base = X86_RSP, .index = X86_NONE, .disp = (int64_t)n * in->op_size};
    emit_u8(e, 0x0f); /* movzx ecx, word [rsp + ...] */
    emit_u8(e, 0xb7);
    emit_modrm_mem(e, X86_RCX, &m, 0);
    struct emit_mem difference = {.base = X86_RCX, .index = X86_NONE, .disp = -selector};
    emit_lea(e, X86_RCX, &difference);
    emit_u8(e, 0xe3); /* jrcxz */
    emit_u8(e, 0);
    return e->len;
}

static void land(struct emit *e, size_t jump_end)
{
    if (!e->overflow) {
        e->rw[jump_end - 1] = (uint8_t)(e->len - jump_end);
    }
}

/* #GP at the instruction. */
static void refuse(struct translation *t, const struct x86_insn *in)
{
    x86_restart_at(t, in, SAVED_RAX | SAVED_RCX);
    emit_restore_slot(&t->e, X86_RCX);
    x86_restart_at(t, in, SAVED_RAX);
    emit_restore_slot(&t->e, X86_RAX);
    x86_restart_at(t, in, 0);
    x86_lower_exit_special(t, in, X86_SPECIAL_PRIVILEGED);
}

/* Flags and stack pointer from the frame: popfq from the CPU state, so that
 * nothing below the guest's stack pointer is written. */
static void load_flags_and_stack(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    const size_t flags = offsetof(struct x86_cpu, scratch);
    load_element(e, X86_RCX, in, 2);
    emit_store_state(e, flags, X86_RCX);
    load_element(e, X86_RCX, in, 3);
    emit_store_state(e, flags + 8, X86_RCX);
    emit_save_slot(e, X86_RSP);
    x86_restart_at(t, in, SAVED_RAX | SAVED_RCX | SAVED_RSP);
    emit_load_state(e, X86_RSP, offsetof(struct x86_cpu, self));
    struct emit_mem m = {.base = X86_RSP, .index = X86_NONE, .disp = (int64_t)flags};
    emit_lea(e, X86_RSP, &m);
    if (in->op_size == 2) {
        emit_u8(e, 0x66);
    }
    emit_u8(e, 0x9d); /* popfq */
    emit_load_state(e, X86_RSP, flags + 8);
}

void x86_lower_far_return(struct translation *t, const struct x86_insn *in)
{
    struct emit *e = &t->e;
    bool iret = in->bytes[in->opcode_off] == 0xcf;
    emit_save_slot(e, X86_RAX);
    x86_restart_at(t, in, SAVED_RAX);
    emit_save_slot(e, X86_RCX);
    x86_restart_at(t, in, SAVED_RAX | SAVED_RCX);
    load_element(e, X86_RAX, in, 0);

    size_t cs_ok = check_selector(e, in, 1, USER_CS);
    if (!iret) {
        refuse(t, in);
        land(e, cs_ok);
        x86_restart_at(t, in, SAVED_RAX | SAVED_RCX);
        struct emit_mem m = {.base = X86_RSP, .index = X86_NONE, .disp = 2 * in->op_size + in->imm};
        emit_lea(e, X86_RSP, &m);
    } else {
        size_t refused = e->len;
        refuse(t, in);
        land(e, cs_ok);
        x86_restart_at(t, in, SAVED_RAX | SAVED_RCX);
        size_t ss_ok = check_selector(e, in, 4, USER_SS);
        emit_jmp(e, e->rx + refused);
        land(e, ss_ok);
        load_flags_and_stack(t, in);
    }
    x86_restart_rax(t, SAVED_RAX | SAVED_RCX);
    x86_lower_jump_through_cache(t);
}
