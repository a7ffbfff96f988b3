/* System instructions that kernels execute all the time, in line where their checks
 * are known to pass by the mode: CLI, STI, PUSHF, RDTSC.
 *
 * cpu->rflags holds the flags other than arithmetic ones and DF while guest code
 * runs. After STI no interrupt comes before the end of the next instruction: that
 * is in the same block, which ends behind it, and leads to where is polled; and what was pending
 * while IF was clear becomes a request again. */
#include "x86/insn.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"

enum { OP_PUSHF = 0x9c, OP_CLI = 0xfa, OP_STI = 0xfb, OP_RDTSC = 0x31 };

#define HOST_FLAGS   ((uint32_t)SYS_RF_ARITH | X86_DF) /* in RFLAGS, not in cpu->rflags */
#define HIDDEN_FLAGS ((uint32_t)X86_RF | SYS_RF_VM)

static bool is_pushf(const struct sys_insn *in)
{
    return in->cls == SYS_INSN_STACK && in->map == 0 && in->opcode == OP_PUSHF;
}

static bool is_c(const struct sys_insn *in, uint8_t map, uint8_t opcode)
{
    return in->cls == SYS_INSN_C && in->map == map && in->opcode == opcode && !in->lock &&
           in->fault == SYS_NO_EXCEPTION && in->encoding == X86_ENC_LEGACY;
}

bool sys_system_is_inline(const struct sys_translation *t, const struct sys_insn *in)
{
    if (t->mode & SYS_MODE_ONE_INSN || in->fault != SYS_NO_EXCEPTION) {
        return false;
    }
    if (is_c(in, 0, OP_CLI) || is_c(in, 0, OP_STI)) {
        return (t->mode & SYS_MODE_IOPL) != 0;
    }
    if (is_c(in, 1, OP_RDTSC)) {
        return !(t->mode & (SYS_MODE_CPL | SYS_MODE_ICOUNT)) &&
               t->mode & SYS_MODE_PE; /* else CR4.TSD counts */
    }
    return is_pushf(in) && !(t->mode & SYS_MODE_VM);
}

bool sys_is_inline_sti(const struct sys_translation *t, const struct sys_insn *in)
{
    return is_c(in, 0, OP_STI) && sys_system_is_inline(t, in);
}

/* Group 1 on the byte of cpu->rflags that has IF. */
static void emit_if_op(struct emit *e, uint8_t op, uint8_t imm)
{
    struct emit_mem m = emit_gs(offsetof(struct sys_cpu, rflags) + 1);
    emit_op_mem(e, 0, false, 0x80, op, &m, 1);
    emit_u8(e, imm);
}

static void lower_cli(struct sys_translation *t)
{
    sys_flags_save(t);
    emit_if_op(&t->e, 4, (uint8_t)~(X86_IF >> 8));
}

static void emit_raise_request(struct sys_translation *t, const struct sys_slow *s,
                               enum cpu_exit_request request)
{
    struct emit_mem m = emit_gs(offsetof(struct sys_cpu, cpu) + offsetof(struct cpu, exit_request));
    emit_u8(&t->e, 0xf0); /* lock or dword */
    emit_op_mem(&t->e, 0, false, 0x81, 1, &m, 4);
    emit_u32(&t->e, request);
    emit_jmp(&t->e, s->resume);
}

/* Something is pending: makes it a request. */
static void emit_request(struct sys_translation *t, struct sys_slow *s)
{
    emit_raise_request(t, s, CPU_EXIT_INTERRUPT);
}

static void emit_clock_request(struct sys_translation *t, struct sys_slow *s)
{
    emit_raise_request(t, s, CPU_EXIT_CLOCK);
}

static void lower_sti(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    struct emit_mem m = emit_gs(offsetof(struct sys_cpu, interrupt));
    if (in == &t->insns[t->insn_count - 1]) { /* what it shadows lies elsewhere */
        sys_lower_c(t, in);
        return;
    }
    sys_flags_save(t);
    emit_if_op(e, 1, X86_IF >> 8);
    emit_op_mem(e, 0, false, 0x83, 7, &m, 1); /* cmp dword gs:[interrupt], 0 */
    emit_u8(e, 0);
    emit_u8(e, 0x0f); /* jne */
    emit_u8(e, 0x85);
    uintptr_t field = emit_pc(e);
    emit_u32(e, 0);
    sys_slow_add(t, field, emit_request, in)->resume = emit_pc(e);
}

/* As sys_tsc_read. */
static void lower_rdtsc(struct sys_translation *t, const struct sys_insn *in)
{
    static const uint8_t rdtsc_or[] = {0x0f, 0x31,             /* rdtsc */
                                       0x48, 0xc1, 0xe2, 0x20, /* shl rdx, 32 */
                                       0x48, 0x09, 0xd0};      /* or rax, rdx */
    static const uint8_t split[] = {0x48, 0x89, 0xc2,          /* mov rdx, rax */
                                    0x48, 0xc1, 0xea, 0x20,    /* shr rdx, 32 */
                                    0x89, 0xc0};               /* mov eax, eax */
    struct emit_mem offset = emit_gs(offsetof(struct sys_cpu, tsc_offset));
    struct emit_mem look = emit_gs(offsetof(struct sys_cpu, tsc_look));
    sys_flags_save(t);
    emit_bytes(&t->e, rdtsc_or, sizeof(rdtsc_or));
    emit_op_mem(&t->e, 0, true, 0x3b, X86_RAX, &look, 0);
    emit_u8(&t->e, 0x0f); /* ja */
    emit_u8(&t->e, 0x87);
    uintptr_t field = emit_pc(&t->e);
    emit_u32(&t->e, 0);
    sys_slow_add(t, field, emit_clock_request, in)->resume = emit_pc(&t->e);
    emit_op_mem(&t->e, 0, true, 0x03, X86_RAX, &offset, 0);
    emit_bytes(&t->e, split, sizeof(split));
}

/* Flags count as live up to the end of the push, even if nothing behind reads them: if it
 * faults, they are what the guest is found with, and what the repeated PUSHF pushes. */
static void lower_pushf(struct sys_translation *t, const struct sys_insn *in)
{
    struct emit *e = &t->e;
    struct emit_mem kept = emit_gs(offsetof(struct sys_cpu, kept_value));
    struct emit_mem rflags = emit_gs(offsetof(struct sys_cpu, rflags));
    static const uint8_t and_r14d[] = {0x41, 0x81, 0xe6};
    static const uint8_t and_r13d[] = {0x41, 0x81, 0xe5};
    static const uint8_t or_r14d_r13d[] = {0x45, 0x09, 0xee};
    sys_flags_restore(t);
    emit_u8(e, 0x9c); /* pushfq; pop gs:[kept_value] */
    emit_op_mem(e, 0, false, 0x8f, 0, &kept, 0);
    sys_flags_save(t);
    emit_op_mem(e, 0, false, 0x8b, SYS_HOST_S1, &kept, 0);
    emit_op_mem(e, 0, false, 0x8b, SYS_HOST_S0, &rflags, 0);
    emit_bytes(e, and_r14d, sizeof(and_r14d));
    emit_u32(e, HOST_FLAGS);
    emit_bytes(e, and_r13d, sizeof(and_r13d));
    emit_u32(e, ~(HOST_FLAGS | HIDDEN_FLAGS));
    emit_bytes(e, or_r14d_r13d, sizeof(or_r14d_r13d));
    emit_store_state(e, offsetof(struct sys_cpu, kept_value), SYS_HOST_S1);
    sys_stack_push_kept(t, in, in->op_size);
}

void sys_lower_system(struct sys_translation *t, const struct sys_insn *in)
{
    if (is_pushf(in)) {
        lower_pushf(t, in);
    } else if (in->map == 1) {
        lower_rdtsc(t, in);
    } else if (in->opcode == OP_CLI) {
        lower_cli(t);
    } else {
        lower_sti(t, in);
    }
}
