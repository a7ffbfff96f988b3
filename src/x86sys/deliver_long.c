/* The way into a handler in IA-32e mode (SDM volume 3, 6.14): 16-byte gates, a
 * 64-bit handler, SS:RSP pushed always, stacks by IST or level. */
#include "x86sys/event.h"
#include "x86sys/frame.h"
#include "x86sys/tss.h"

static bool pick_stack(struct sys_cpu *cpu, const struct sys_event *ev,
                       const struct sys_event_target *t, uint64_t *rsp)
{
    unsigned ist = t->gate.raw >> 32 & 7;
    if (ist || t->inner) {
        return sys_tss_stack_64(cpu, t->cpl, ist, !ev->soft, rsp);
    }
    *rsp = cpu->gpr[X86_RSP];
    return true;
}

static bool push_frame(struct sys_cpu *cpu, const struct sys_event *ev, struct sys_stack *st)
{
    const uint64_t frame[] = {
        cpu->seg[SYS_SS].selector,
        cpu->gpr[X86_RSP],
        ev->flags,
        cpu->seg[SYS_CS].selector,
        ev->ip,
        ev->error,
    };
    return sys_stack_push(cpu, st, 8, frame, ev->has_error ? 6 : 5);
}

bool sys_deliver_long(struct sys_cpu *cpu, const struct sys_event *ev)
{
    struct sys_event_target t;
    if (!sys_event_gate(cpu, ev, 16, &t.gate)) {
        return false;
    }
    unsigned type = t.gate.attr & 0x1f;
    if ((type != SYS_DESC_INT_GATE32 && type != SYS_DESC_TRAP_GATE32) ||
        (ev->soft && sys_attr_dpl(t.gate.attr) < sys_cpl(cpu))) {
        return sys_event_bad_gate(cpu, ev, SYS_GP);
    }
    if (!(t.gate.attr & SYS_SEG_P)) {
        return sys_event_bad_gate(cpu, ev, SYS_NP);
    }
    uint64_t rsp;
    if (!sys_event_code(cpu, ev, &t) || !pick_stack(cpu, ev, &t, &rsp)) {
        return false;
    }
    t.ip = sys_gate_offset(&t.gate);
    if (!sys_check_ip(cpu, &t.code.seg, t.ip, !ev->soft)) {
        return false;
    }
    struct sys_stack st = sys_stack_64(rsp & ~15ull);
    st.error = !ev->soft;
    st.access = t.inner ? SYS_IMPLICIT : 0;
    if (!sys_seg_mark(cpu, &t.code) || !push_frame(cpu, ev, &st)) {
        return false;
    }
    sys_stack_commit(cpu, &st);
    if (t.inner) {
        cpu->seg[SYS_SS] = sys_seg_null_stack(t.cpl);
    }
    sys_event_enter(cpu, &t, type == SYS_DESC_INT_GATE32);
    return true;
}
