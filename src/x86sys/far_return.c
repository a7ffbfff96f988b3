/* Far RET: to the same or an outer level, and in real and virtual-8086 mode. */
#include "x86sys/far.h"
#include "x86sys/frame.h"
#include "x86sys/system_insns.h"

enum { FRAME_IP, FRAME_CS };

static bool return_outer(struct sys_cpu *cpu, struct sys_stack *st, unsigned size, uint64_t bytes,
                         uint64_t ip, struct sys_seg_new *code)
{
    unsigned cpl = code->seg.selector & 3u;
    const struct sys_check how = {.vector = SYS_GP, .cpl = (uint8_t)cpl};
    bool to_64 = sys_seg_is_64(cpu, &code->seg);
    uint64_t frame[2]; /* SP, SS */
    struct sys_seg_new ss;
    sys_stack_drop(st, 2ull * size + bytes);
    if (!sys_stack_peek(cpu, st, size, frame, 2) ||
        !sys_seg_check_stack(cpu, (uint16_t)frame[1], &how, to_64 && cpl != 3, &ss) ||
        !sys_check_ip(cpu, &code->seg, ip, 0) || !sys_seg_mark(cpu, code) ||
        !sys_seg_mark(cpu, &ss)) {
        return false;
    }
    struct sys_stack outer = to_64 ? sys_stack_64(frame[0]) : sys_stack_in(&ss.seg, frame[0]);
    sys_stack_drop(&outer, bytes);
    sys_stack_commit(cpu, &outer);
    cpu->rip = ip;
    cpu->seg[SYS_CS] = code->seg;
    cpu->seg[SYS_SS] = ss.seg;
    sys_seg_drop_privileged(cpu, cpl);
    return true;
}

static bool return_protected(struct sys_cpu *cpu, unsigned size, uint64_t bytes)
{
    uint64_t frame[2];
    struct sys_seg_new code;
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_stack_peek(cpu, &st, size, frame, 2) ||
        !sys_far_return_code(cpu, (uint16_t)frame[FRAME_CS], &code)) {
        return false;
    }
    if ((frame[FRAME_CS] & 3) != sys_cpl(cpu)) {
        return return_outer(cpu, &st, size, bytes, frame[FRAME_IP], &code);
    }
    if (!sys_check_ip(cpu, &code.seg, frame[FRAME_IP], 0) || !sys_seg_mark(cpu, &code)) {
        return false;
    }
    sys_stack_drop(&st, 2ull * size + bytes);
    sys_stack_commit(cpu, &st);
    cpu->rip = frame[FRAME_IP];
    cpu->seg[SYS_CS] = code.seg;
    return true;
}

static bool return_real(struct sys_cpu *cpu, unsigned size, uint64_t bytes)
{
    uint64_t frame[2];
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_stack_peek(cpu, &st, size, frame, 2) || !sys_far_check_real_ip(cpu, frame[FRAME_IP])) {
        return false;
    }
    sys_stack_drop(&st, 2ull * size + bytes);
    sys_stack_commit(cpu, &st);
    cpu->rip = frame[FRAME_IP];
    sys_seg_load_real(cpu, SYS_CS, (uint16_t)frame[FRAME_CS]);
    return true;
}

enum sys_result sys_insn_ret_far(struct sys_cpu *cpu, const struct sys_insn *in)
{
    const uint8_t with_immediate = 0xca;
    unsigned size = sys_far_size(in);
    uint64_t bytes = in->opcode == with_immediate ? in->imm & 0xffff : 0;
    bool good =
        sys_protected(cpu) ? return_protected(cpu, size, bytes) : return_real(cpu, size, bytes);
    sys_mode_update(cpu);
    return sys_result_of(good);
}
