/* The way into a handler in protected mode without IA-32e mode, virtual-8086 mode
 * included (SDM volume 3, 6.12 and 20.3): interrupt, trap and task gates of 16 and
 * 32 bits. */
#include "x86sys/event.h"
#include "x86sys/frame.h"
#include "x86sys/task.h"
#include "x86sys/tss.h"

static bool push_frame(struct sys_cpu *cpu, const struct sys_event *ev,
                       const struct sys_event_target *t, unsigned size, struct sys_stack *st)
{
    uint64_t frame[10];
    unsigned n = 0;
    if (cpu->mode & SYS_MODE_VM) {
        static const uint8_t order[] = {SYS_GS, SYS_FS, SYS_DS, SYS_ES};
        for (unsigned i = 0; i < sizeof(order); i++) {
            frame[n++] = cpu->seg[order[i]].selector;
        }
    }
    if (t->inner) {
        frame[n++] = cpu->seg[SYS_SS].selector;
        frame[n++] = cpu->gpr[X86_RSP];
    }
    frame[n++] = ev->flags;
    frame[n++] = cpu->seg[SYS_CS].selector;
    frame[n++] = ev->ip;
    if (ev->has_error) {
        frame[n++] = ev->error;
    }
    return sys_stack_push(cpu, st, size, frame, n);
}

/* The stack of the handler, and its segment in *ss if it is another one. */
static bool pick_stack(struct sys_cpu *cpu, const struct sys_event_target *t, uint8_t ext,
                       struct sys_seg_new *ss, struct sys_stack *st)
{
    if (!t->inner) {
        *st = sys_stack_current(cpu);
        st->error = ext;
        return true;
    }
    const struct sys_check how = {.vector = SYS_TS, .ext = ext, .cpl = t->cpl};
    uint16_t selector;
    uint32_t sp;
    if (!sys_tss_stack(cpu, t->cpl, ext, &selector, &sp) ||
        !sys_seg_check_stack(cpu, selector, &how, false, ss)) {
        return false;
    }
    *st = sys_stack_in(&ss->seg, sp);
    st->access = SYS_IMPLICIT;
    st->error = (selector & 0xfffcu) | ext;
    return true;
}

static void leave_vm86(struct sys_cpu *cpu)
{
    static const uint8_t data[] = {SYS_ES, SYS_DS, SYS_FS, SYS_GS};
    for (unsigned i = 0; i < sizeof(data); i++) {
        cpu->seg[data[i]] = (struct sys_seg){0};
    }
}

static bool through_gate(struct sys_cpu *cpu, const struct sys_event *ev,
                         struct sys_event_target *t)
{
    unsigned type = t->gate.attr & 0x1f;
    unsigned size = type & 8 ? 4 : 2;
    struct sys_seg_new ss;
    struct sys_stack st;
    if (!sys_event_code(cpu, ev, t) || !pick_stack(cpu, t, !ev->soft, &ss, &st)) {
        return false;
    }
    t->ip = sys_gate_offset(&t->gate);
    if (size == 2) {
        t->ip &= UINT16_MAX;
    }
    if (!sys_check_ip(cpu, &t->code.seg, t->ip, !ev->soft) || !sys_seg_mark(cpu, &t->code) ||
        (t->inner && !sys_seg_mark(cpu, &ss)) || !push_frame(cpu, ev, t, size, &st)) {
        return false;
    }
    sys_stack_commit(cpu, &st);
    if (t->inner) {
        cpu->seg[SYS_SS] = ss.seg;
    }
    if (cpu->mode & SYS_MODE_VM) {
        leave_vm86(cpu);
    }
    sys_event_enter(cpu, t, type == SYS_DESC_INT_GATE16 || type == SYS_DESC_INT_GATE32);
    return true;
}

bool sys_deliver_protected(struct sys_cpu *cpu, const struct sys_event *ev)
{
    struct sys_event_target t;
    if (!sys_event_gate(cpu, ev, 8, &t.gate)) {
        return false;
    }
    unsigned type = t.gate.attr & 0x1f;
    switch (type) {
    case SYS_DESC_TASK_GATE:
    case SYS_DESC_INT_GATE16:
    case SYS_DESC_TRAP_GATE16:
    case SYS_DESC_INT_GATE32:
    case SYS_DESC_TRAP_GATE32:
        break;
    default:
        return sys_event_bad_gate(cpu, ev, SYS_GP);
    }
    if (ev->soft && sys_attr_dpl(t.gate.attr) < sys_cpl(cpu)) {
        return sys_event_bad_gate(cpu, ev, SYS_GP);
    }
    if (!(t.gate.attr & SYS_SEG_P)) {
        return sys_event_bad_gate(cpu, ev, SYS_NP);
    }
    if (type == SYS_DESC_TASK_GATE) {
        return sys_task_interrupt(cpu, ev, sys_gate_selector(t.gate.raw));
    }
    return through_gate(cpu, ev, &t);
}
