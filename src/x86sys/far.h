/* What far transfers have in common. Inside of x86sys. */
#ifndef MORTISE_X86SYS_FAR_H
#define MORTISE_X86SYS_FAR_H

#include "x86sys/emulate.h"
#include "x86sys/segment.h"

/* Operand size of instructions whose default in 64-bit mode is 4 bytes. */
static inline unsigned sys_far_size(const struct sys_insn *in)
{
    if (in->rex & 8) {
        return 8;
    }
    bool wide = in->code_size != 2;
    return wide != in->opsize_prefix ? 4 : 2;
}

/* ... and of those on the stack, whose default is the stack's width. */
static inline unsigned sys_stack_size(const struct sys_insn *in)
{
    if (in->code_size == 8) {
        return in->opsize_prefix && !(in->rex & 8) ? 2 : 8;
    }
    return sys_far_size(in);
}

/* The pointer of a far JMP or CALL: immediate or in memory. */
struct sys_far_pointer {
    uint64_t offset;
    uint16_t selector;
};
bool sys_far_pointer(struct sys_cpu *cpu, const struct sys_insn *in, struct sys_far_pointer *p);
bool sys_far_pointer_load(struct sys_cpu *cpu, const struct sys_insn *in,
                          struct sys_far_pointer *p);

/* Checks d as the target of a direct far JMP or CALL; CS for it in *code. */
bool sys_far_code(struct sys_cpu *cpu, const struct sys_desc *d, struct sys_seg_new *code);
/* Checks that d, a code segment, may be returned to (by its RPL). */
bool sys_far_return_code(struct sys_cpu *cpu, uint16_t selector, struct sys_seg_new *code);
/* Whether a gate or TSS may be used at this CPL with this selector; raises #GP. */
bool sys_far_system_privilege(struct sys_cpu *cpu, const struct sys_desc *d);

/* Reads a call gate's second half if it has one, and the code segment it leads to. */
struct sys_call_gate {
    struct sys_desc gate;
    struct sys_desc code;
    uint64_t offset;
    unsigned size; /* of what is pushed: 2, 4, 8 */
    unsigned params;
};
bool sys_far_call_gate(struct sys_cpu *cpu, const struct sys_desc *d, struct sys_call_gate *g);
/* Real and virtual-8086 mode: whether the new IP is inside of CS. */
bool sys_far_check_real_ip(struct sys_cpu *cpu, uint64_t ip);

static inline enum sys_result sys_result_of(bool good)
{
    return good ? SYS_DONE : SYS_EXCEPTION;
}

#endif
