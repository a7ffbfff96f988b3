/* IRET in every mode: to the same or an outer level, to virtual-8086 mode, from a
 * nested task, and in real and virtual-8086 mode. */
#include "x86sys/far.h"
#include "x86sys/frame.h"
#include "x86sys/system_insns.h"
#include "x86sys/task.h"

/* The frame, topmost first. */
enum { FRAME_IP, FRAME_CS, FRAME_FLAGS, FRAME_SP, FRAME_SS, FRAME_ES };
#define FRAME_SIZE 9

/* Flags that the image may change, by operand size and privilege. */
static uint64_t flags_allowed(const struct sys_cpu *cpu, unsigned size)
{
    uint64_t mask = SYS_RF_ARITH | (uint64_t)X86_TF | X86_DF;
    mask |= SYS_RF_NT;
    mask |= X86_RF; /* 16 bits do not have it: clear then, as behind other instructions */
    if (size > 2) {
        mask |= X86_AC | X86_ID;
    }
    if (cpu->mode & SYS_MODE_IOPL) {
        mask |= X86_IF;
    }
    if (sys_cpl(cpu) == 0) {
        mask |= SYS_RF_IOPL;
        mask |= size > 2 && sys_protected(cpu) ? (uint64_t)(SYS_RF_VIF | SYS_RF_VIP) : 0;
    }
    return mask;
}

static void put_flags(struct sys_cpu *cpu, uint64_t image, uint64_t mask)
{
    cpu->rflags = (cpu->rflags & ~mask) | (image & mask) | SYS_RF_ONE;
}

/* Real mode, and virtual-8086 mode with IOPL 3 (flags_allowed tells them apart). */
static bool iret_real(struct sys_cpu *cpu, unsigned size)
{
    uint64_t frame[3];
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_stack_peek(cpu, &st, size, frame, 3) || !sys_far_check_real_ip(cpu, frame[FRAME_IP])) {
        return false;
    }
    sys_stack_drop(&st, 3ull * size);
    sys_stack_commit(cpu, &st);
    cpu->rip = frame[FRAME_IP];
    sys_seg_load_real(cpu, SYS_CS, (uint16_t)frame[FRAME_CS]);
    put_flags(cpu, frame[FRAME_FLAGS], flags_allowed(cpu, size));
    return true;
}

/* Virtual-8086 mode with IOPL below 3 and CR4.VME: IF stands for VIF. */
static bool iret_vme(struct sys_cpu *cpu)
{
    uint64_t frame[3];
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_stack_peek(cpu, &st, 2, frame, 3)) {
        return false;
    }
    uint64_t image = frame[FRAME_FLAGS];
    if (image & X86_TF || (image & X86_IF && cpu->rflags & SYS_RF_VIP)) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    sys_stack_drop(&st, 6);
    sys_stack_commit(cpu, &st);
    cpu->rip = frame[FRAME_IP];
    sys_seg_load_real(cpu, SYS_CS, (uint16_t)frame[FRAME_CS]);
    put_flags(cpu, image, flags_allowed(cpu, 2));
    cpu->rflags &= ~(uint64_t)SYS_RF_VIF;
    cpu->rflags |= image & X86_IF ? (uint64_t)SYS_RF_VIF : 0;
    return true;
}

static bool return_to_vm86(struct sys_cpu *cpu, const struct sys_stack *st)
{
    static const uint8_t order[] = {SYS_ES, SYS_DS, SYS_FS, SYS_GS};
    uint64_t frame[FRAME_SIZE];
    if (!sys_stack_peek(cpu, st, 4, frame, FRAME_SIZE)) {
        return false;
    }
    if (frame[FRAME_IP] > UINT16_MAX) {
        return sys_raise_error(cpu, SYS_GP, 0);
    }
    put_flags(cpu, frame[FRAME_FLAGS], flags_allowed(cpu, 4) | SYS_RF_VM);
    cpu->rip = frame[FRAME_IP];
    cpu->gpr[X86_RSP] = frame[FRAME_SP];
    sys_seg_load_real(cpu, SYS_CS, (uint16_t)frame[FRAME_CS]);
    sys_seg_load_real(cpu, SYS_SS, (uint16_t)frame[FRAME_SS]);
    for (unsigned i = 0; i < sizeof(order); i++) {
        sys_seg_load_real(cpu, (enum sys_seg_reg)order[i], (uint16_t)frame[FRAME_ES + i]);
    }
    return true;
}

static uint64_t new_sp(const struct sys_cpu *cpu, const struct sys_seg *code,
                       const struct sys_seg *stack, uint64_t sp)
{
    if (sys_seg_is_64(cpu, code)) {
        return sp;
    }
    return stack->attr & SYS_SEG_DB ? (uint32_t)sp
                                    : (cpu->gpr[X86_RSP] & ~0xffffull) | (uint16_t)sp;
}

static bool return_with_stack(struct sys_cpu *cpu, const uint64_t *frame, unsigned size,
                              struct sys_seg_new *code)
{
    unsigned cpl = frame[FRAME_CS] & 3;
    const struct sys_check how = {.vector = SYS_GP, .cpl = (uint8_t)cpl};
    bool null_ok = sys_seg_is_64(cpu, &code->seg) && cpl != 3;
    struct sys_seg_new ss;
    if (!sys_seg_check_stack(cpu, (uint16_t)frame[FRAME_SS], &how, null_ok, &ss) ||
        !sys_check_ip(cpu, &code->seg, frame[FRAME_IP], 0) || !sys_seg_mark(cpu, code) ||
        !sys_seg_mark(cpu, &ss)) {
        return false;
    }
    bool outward = cpl > sys_cpl(cpu);
    put_flags(cpu, frame[FRAME_FLAGS], flags_allowed(cpu, size));
    cpu->gpr[X86_RSP] = new_sp(cpu, &code->seg, &ss.seg, frame[FRAME_SP]);
    cpu->rip = frame[FRAME_IP];
    cpu->seg[SYS_CS] = code->seg;
    cpu->seg[SYS_SS] = ss.seg;
    if (outward) {
        sys_seg_drop_privileged(cpu, cpl);
    }
    return true;
}

static bool return_same_level(struct sys_cpu *cpu, struct sys_stack *st, const uint64_t *frame,
                              unsigned size, struct sys_seg_new *code)
{
    if (!sys_check_ip(cpu, &code->seg, frame[FRAME_IP], 0) || !sys_seg_mark(cpu, code)) {
        return false;
    }
    put_flags(cpu, frame[FRAME_FLAGS], flags_allowed(cpu, size));
    sys_stack_drop(st, 3ull * size);
    sys_stack_commit(cpu, st);
    cpu->rip = frame[FRAME_IP];
    cpu->seg[SYS_CS] = code->seg;
    return true;
}

static bool iret_protected(struct sys_cpu *cpu, const struct sys_insn *in, unsigned size)
{
    uint64_t frame[5];
    struct sys_stack st = sys_stack_current(cpu);
    struct sys_seg_new code;
    if (cpu->rflags & SYS_RF_NT) {
        return sys_long_mode(cpu) ? sys_raise_error(cpu, SYS_GP, 0)
                                  : sys_task_return(cpu, sys_insn_next_ip(in));
    }
    /* 64-bit mode pops SS:RSP always. */
    bool whole = (cpu->mode & SYS_MODE_CODE64) != 0;
    if (!sys_stack_peek(cpu, &st, size, frame, whole ? 5 : 3)) {
        return false;
    }
    if (frame[FRAME_FLAGS] & SYS_RF_VM && size == 4 && sys_cpl(cpu) == 0 && !sys_long_mode(cpu)) {
        return return_to_vm86(cpu, &st);
    }
    if (!sys_far_return_code(cpu, (uint16_t)frame[FRAME_CS], &code)) {
        return false;
    }
    if (!whole && (frame[FRAME_CS] & 3) == sys_cpl(cpu)) {
        return return_same_level(cpu, &st, frame, size, &code);
    }
    if (!whole && !sys_stack_peek(cpu, &st, size, frame, 5)) {
        return false;
    }
    return return_with_stack(cpu, frame, size, &code);
}

enum sys_result sys_insn_iret(struct sys_cpu *cpu, const struct sys_insn *in)
{
    unsigned size = sys_far_size(in);
    bool good;
    bool debugged = (cpu->mode & (SYS_MODE_TF | SYS_MODE_DEBUG)) != 0;
    /* NMIs are unblocked even if it faults. */
    sys_nmi_unblock(cpu);
    if (sys_protected(cpu)) {
        good = iret_protected(cpu, in, size);
    } else if (!(cpu->mode & SYS_MODE_VM) || cpu->mode & SYS_MODE_IOPL) {
        good = iret_real(cpu, size);
    } else if (cpu->cr4 & SYS_CR4_VME && size == 2) {
        good = iret_vme(cpu);
    } else {
        good = sys_raise_error(cpu, SYS_GP, 0);
    }
    sys_mode_update(cpu);
    cpu->rf_loaded = good && debugged;
    return sys_result_of(good);
}
