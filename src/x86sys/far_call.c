/* Far CALL: to code, through a call gate to the same or a more privileged level
 * with parameters copied, to a task. */
#include "x86sys/far.h"
#include "x86sys/frame.h"
#include "x86sys/system_insns.h"
#include "x86sys/task.h"
#include "x86sys/tss.h"

static const struct sys_check gp = {.vector = SYS_GP};

/* Pushes the return address on the current stack and enters code of this CPL. */
static bool call_same_level(struct sys_cpu *cpu, const struct sys_insn *in,
                            struct sys_seg_new *code, uint64_t ip, unsigned size)
{
    const uint64_t frame[] = {cpu->seg[SYS_CS].selector, sys_insn_next_ip(in)};
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_check_ip(cpu, &code->seg, ip, 0) || !sys_seg_mark(cpu, code) ||
        !sys_stack_push(cpu, &st, size, frame, 2)) {
        return false;
    }
    sys_stack_commit(cpu, &st);
    cpu->seg[SYS_CS] = code->seg;
    cpu->rip = ip;
    return true;
}

/* The stack of the more privileged level, and what goes into SS. */
static bool inner_stack(struct sys_cpu *cpu, unsigned cpl, struct sys_seg_new *ss,
                        struct sys_stack *st)
{
    if (sys_long_mode(cpu)) {
        uint64_t rsp;
        if (!sys_tss_stack_64(cpu, cpl, 0, 0, &rsp)) {
            return false;
        }
        *ss = (struct sys_seg_new){.seg = sys_seg_null_stack(cpl)};
        *st = sys_stack_64(rsp);
        return true;
    }
    const struct sys_check how = {.vector = SYS_TS, .cpl = (uint8_t)cpl};
    uint16_t selector;
    uint32_t sp;
    if (!sys_tss_stack(cpu, cpl, 0, &selector, &sp) ||
        !sys_seg_check_stack(cpu, selector, &how, false, ss)) {
        return false;
    }
    *st = sys_stack_in(&ss->seg, sp);
    st->error = selector & 0xfffcu;
    return true;
}

static bool call_inner(struct sys_cpu *cpu, const struct sys_insn *in,
                       const struct sys_call_gate *g)
{
    unsigned cpl = sys_attr_dpl(g->code.attr);
    uint64_t frame[4 + 31];
    uint64_t params[31];
    struct sys_stack old = sys_stack_current(cpu);
    struct sys_stack st;
    struct sys_seg_new ss;
    struct sys_seg_new code;
    sys_desc_make_code(cpu, &g->code, cpl, &code);
    if (!inner_stack(cpu, cpl, &ss, &st) ||
        (g->params && !sys_stack_peek(cpu, &old, g->size, params, g->params))) {
        return false;
    }
    st.access = SYS_IMPLICIT;
    unsigned n = 0;
    frame[n++] = cpu->seg[SYS_SS].selector;
    frame[n++] = cpu->gpr[X86_RSP];
    for (unsigned i = g->params; i > 0; i--) {
        frame[n++] = params[i - 1];
    }
    frame[n++] = cpu->seg[SYS_CS].selector;
    frame[n++] = sys_insn_next_ip(in);
    if (!sys_check_ip(cpu, &code.seg, g->offset, 0) || !sys_seg_mark(cpu, &code) ||
        !sys_seg_mark(cpu, &ss) || !sys_stack_push(cpu, &st, g->size, frame, n)) {
        return false;
    }
    sys_stack_commit(cpu, &st);
    cpu->seg[SYS_SS] = ss.seg;
    cpu->seg[SYS_CS] = code.seg;
    cpu->rip = g->offset;
    return true;
}

static bool through_call_gate(struct sys_cpu *cpu, const struct sys_insn *in,
                              const struct sys_desc *d)
{
    struct sys_call_gate g;
    if (!sys_far_call_gate(cpu, d, &g)) {
        return false;
    }
    unsigned cpl = sys_cpl(cpu);
    if (!sys_attr_is_conforming(g.code.attr) && sys_attr_dpl(g.code.attr) < cpl) {
        return call_inner(cpu, in, &g);
    }
    struct sys_seg_new code;
    sys_desc_make_code(cpu, &g.code, cpl, &code);
    return call_same_level(cpu, in, &code, g.offset, g.size);
}

static bool through_system(struct sys_cpu *cpu, const struct sys_insn *in, const struct sys_desc *d)
{
    bool is_long = sys_long_mode(cpu);
    switch (d->attr & SYS_SEG_TYPE) {
    case SYS_DESC_CALL_GATE32:
        return through_call_gate(cpu, in, d);
    case SYS_DESC_CALL_GATE16:
        if (!is_long) {
            return through_call_gate(cpu, in, d);
        }
        break;
    case SYS_DESC_TASK_GATE:
    case SYS_DESC_TSS16:
    case SYS_DESC_TSS32:
        if (!is_long) {
            return sys_far_system_privilege(cpu, d) &&
                   sys_task_jump(cpu, d, sys_insn_next_ip(in), true);
        }
        break;
    default:
        break;
    }
    return sys_check_fail(cpu, &gp, d->selector);
}

static bool call_protected(struct sys_cpu *cpu, const struct sys_insn *in,
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
    return sys_far_code(cpu, &d, &code) &&
           call_same_level(cpu, in, &code, p->offset, sys_far_size(in));
}

static bool call_real(struct sys_cpu *cpu, const struct sys_insn *in,
                      const struct sys_far_pointer *p)
{
    const uint64_t frame[] = {cpu->seg[SYS_CS].selector, sys_insn_next_ip(in)};
    struct sys_stack st = sys_stack_current(cpu);
    if (!sys_far_check_real_ip(cpu, p->offset) ||
        !sys_stack_push(cpu, &st, sys_far_size(in), frame, 2)) {
        return false;
    }
    sys_stack_commit(cpu, &st);
    sys_seg_load_real(cpu, SYS_CS, p->selector);
    cpu->rip = p->offset;
    return true;
}

enum sys_result sys_insn_call_far(struct sys_cpu *cpu, const struct sys_insn *in)
{
    struct sys_far_pointer p;
    bool good = sys_far_pointer(cpu, in, &p) &&
                (sys_protected(cpu) ? call_protected(cpu, in, &p) : call_real(cpu, in, &p));
    sys_mode_update(cpu);
    return sys_result_of(good);
}
