/* Far JMP: to code, through a call gate, to a task. */
#include "x86sys/far.h"
#include "x86sys/system_insns.h"
#include "x86sys/task.h"

static const struct sys_check gp = {.vector = SYS_GP};

static bool enter(struct sys_cpu *cpu, struct sys_seg_new *code, uint64_t ip)
{
    if (!sys_check_ip(cpu, &code->seg, ip, 0) || !sys_seg_mark(cpu, code)) {
        return false;
    }
    cpu->seg[SYS_CS] = code->seg;
    cpu->rip = ip;
    return true;
}

static bool through_call_gate(struct sys_cpu *cpu, const struct sys_desc *d)
{
    struct sys_call_gate g;
    if (!sys_far_call_gate(cpu, d, &g)) {
        return false;
    }
    unsigned cpl = sys_cpl(cpu);
    if (!sys_attr_is_conforming(g.code.attr) && sys_attr_dpl(g.code.attr) != cpl) {
        return sys_check_fail(cpu, &gp, g.code.selector);
    }
    struct sys_seg_new code;
    sys_desc_make_code(cpu, &g.code, cpl, &code);
    return enter(cpu, &code, g.offset);
}

static bool through_system(struct sys_cpu *cpu, const struct sys_insn *in, const struct sys_desc *d)
{
    bool is_long = sys_long_mode(cpu);
    switch (d->attr & SYS_SEG_TYPE) {
    case SYS_DESC_CALL_GATE32:
        return through_call_gate(cpu, d);
    case SYS_DESC_CALL_GATE16:
        if (!is_long) {
            return through_call_gate(cpu, d);
        }
        break;
    case SYS_DESC_TASK_GATE:
    case SYS_DESC_TSS16:
    case SYS_DESC_TSS32:
        if (!is_long) {
            return sys_far_system_privilege(cpu, d) &&
                   sys_task_jump(cpu, d, sys_insn_next_ip(in), false);
        }
        break;
    default:
        break;
    }
    return sys_check_fail(cpu, &gp, d->selector);
}

static bool jump_protected(struct sys_cpu *cpu, const struct sys_insn *in,
                           const struct sys_far_pointer *p)
{
    struct sys_desc d;
    if (sys_selector_is_null(p->selector)) {
        return sys_check_fail(cpu, &gp, 0);
    }
    if (!sys_desc_read(cpu, p->selector, &gp, &d)) {
        return false;
    }
    if (!(d.attr & SYS_SEG_S)) {
        return through_system(cpu, in, &d);
    }
    struct sys_seg_new code;
    return sys_far_code(cpu, &d, &code) && enter(cpu, &code, p->offset);
}

enum sys_result sys_insn_jmp_far(struct sys_cpu *cpu, const struct sys_insn *in)
{
    struct sys_far_pointer p;
    bool good = sys_far_pointer(cpu, in, &p);
    if (good && sys_protected(cpu)) {
        good = jump_protected(cpu, in, &p);
    } else if (good) {
        good = sys_far_check_real_ip(cpu, p.offset);
        if (good) {
            sys_seg_load_real(cpu, SYS_CS, p.selector);
            cpu->rip = p.offset;
        }
    }
    sys_mode_update(cpu);
    return sys_result_of(good);
}
