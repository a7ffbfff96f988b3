/* Delivery of exceptions: what they leave in CR2, DR6 and DR7, and what becomes of
 * an exception on the way to a handler: the second one alone, a double fault, or
 * the end. The way into a handler by mode is in deliver_*.c. */
#include "x86sys/event.h"
#include "x86sys/emulate.h"
#include "x86sys/log.h"

#define DR6_CLEARED 0xfu /* by a new #DB: B0 to B3 */
#define DR6_BD      (1u << 13)
#define DR7_GD      (1u << 13)

enum class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum class class_of(uint8_t vector) {
    switch (vector){
        case SYS_DE : case SYS_TS : case SYS_NP : case SYS_SSF : case SYS_GP : case
        SYS_CP : return CONTRIBUTORY;
        case SYS_PF : return PAGE_FAULT;
        case SYS_DF : return DOUBLE_FAULT;
        default : return BENIGN;
    }
}

/* SDM volume 3, table 6-5. False: shutdown. */
static bool combine(struct sys_exception *first, const struct sys_exception *second)
{
    enum class a = class_of(first->vector);
    enum class b = class_of(second->vector);
    if (a == DOUBLE_FAULT && b != BENIGN) {
        return false;
    }
    if ((a == CONTRIBUTORY && b == CONTRIBUTORY) || (a == PAGE_FAULT && b != BENIGN)) {
        *first = (struct sys_exception){.vector = SYS_DF, .has_error = true};
    } else {
        *first = *second;
    }
    return true;
}

void sys_event_report_debug(struct sys_cpu *cpu, uint64_t dr6)
{
    cpu->dr[6] = (cpu->dr[6] & ~(uint64_t)DR6_CLEARED) | dr6;
    cpu->dr[7] &= ~(uint64_t)DR7_GD;
}

static void leave_traces(struct sys_cpu *cpu, const struct sys_exception *ex)
{
    if (ex->vector == SYS_PF) {
        cpu->cr2 = ex->addr;
    } else if (ex->vector == SYS_DB) {
        sys_event_report_debug(cpu, ex->addr);
    }
}

/* RF in the image that is pushed: set for faults, so that the instruction does not
 * meet its breakpoint again. Without breakpoints and steps nobody clears RF in time. */
static uint64_t flags_image(const struct sys_cpu *cpu, const struct sys_exception *ex)
{
    bool fault = ex->vector != SYS_DF && ex->vector != SYS_MC;
    if (ex->vector == SYS_DB) {
        fault = (ex->addr & DR6_BD) != 0;
    }
    return fault ? cpu->rflags | X86_RF : sys_event_flags(cpu);
}

uint64_t sys_event_flags(const struct sys_cpu *cpu)
{
    bool kept = cpu->mode & (SYS_MODE_DEBUG | SYS_MODE_TF);
    return kept ? cpu->rflags : cpu->rflags & ~(uint64_t)X86_RF;
}

bool sys_event_deliver(struct sys_cpu *cpu, const struct sys_event *ev)
{
    if (!(cpu->mode & SYS_MODE_PE)) {
        return sys_deliver_real(cpu, ev);
    }
    return sys_long_mode(cpu) ? sys_deliver_long(cpu, ev) : sys_deliver_protected(cpu, ev);
}

bool sys_deliver_exception(struct sys_cpu *cpu)
{
    struct sys_exception ex = cpu->exception;
    cpu->debug_hits = 0; /* of an instruction that did not come to its end */
    leave_traces(cpu, &ex);
    sys_log_exception(cpu);
    for (;;) {
        cpu->exception.vector = SYS_NO_EXCEPTION;
        const struct sys_event ev = {.vector = ex.vector,
                                     .has_error = ex.has_error,
                                     .error = ex.error,
                                     .ip = cpu->rip,
                                     .flags = flags_image(cpu, &ex)};
        if (sys_event_deliver(cpu, &ev)) {
            return true;
        }
        leave_traces(cpu, &cpu->exception);
        sys_log_exception(cpu);
        if (!combine(&ex, &cpu->exception)) {
            cpu->exception.vector = SYS_NO_EXCEPTION;
            return false;
        }
    }
}

bool sys_event_bad_gate(struct sys_cpu *cpu, const struct sys_event *ev, uint8_t vector)
{
    return sys_raise_error(cpu, vector, ev->vector * 8u + 2 + !ev->soft);
}

bool sys_event_gate(struct sys_cpu *cpu, const struct sys_event *ev, unsigned size,
                    struct sys_desc *gate)
{
    uint32_t offset = ev->vector * size;
    if (offset + size - 1 > cpu->idtr.limit) {
        return sys_event_bad_gate(cpu, ev, SYS_GP);
    }
    uint64_t raw[2] = {0};
    uint64_t linear = cpu->idtr.base + offset;
    if (!sys_long_mode(cpu)) {
        linear = (uint32_t)linear;
    }
    if (!sys_mem_read(cpu, linear, raw, size, SYS_READ | SYS_IMPLICIT)) {
        return false;
    }
    *gate = (struct sys_desc){.linear = linear,
                              .raw = raw[0],
                              .high = raw[1] & UINT32_MAX,
                              .attr = (uint16_t)(raw[0] >> 40 & 0xff)};
    return true;
}

bool sys_event_code(struct sys_cpu *cpu, const struct sys_event *ev, struct sys_event_target *t)
{
    const struct sys_check how = {.vector = SYS_GP, .ext = !ev->soft};
    unsigned cpl = sys_cpl(cpu);
    uint16_t selector = sys_gate_selector(t->gate.raw);
    struct sys_desc d;
    if (sys_selector_is_null(selector)) {
        return sys_check_fail(cpu, &how, 0);
    }
    if (!sys_desc_read(cpu, selector, &how, &d)) {
        return false;
    }
    unsigned dpl = sys_attr_dpl(d.attr);
    bool size_ok = !sys_long_mode(cpu) || (d.attr & (SYS_SEG_L | SYS_SEG_DB)) == SYS_SEG_L;
    if (!sys_attr_is_code(d.attr) || dpl > cpl || !size_ok) {
        return sys_check_fail(cpu, &how, selector);
    }
    if (!(d.attr & SYS_SEG_P)) {
        return sys_check_absent(cpu, &how, SYS_NP, selector);
    }
    t->inner = !sys_attr_is_conforming(d.attr) && dpl < cpl;
    if (cpu->mode & SYS_MODE_VM && (!t->inner || dpl != 0)) {
        return sys_check_fail(cpu, &how, selector);
    }
    t->cpl = (uint8_t)(t->inner ? dpl : cpl);
    sys_desc_make_code(cpu, &d, t->cpl, &t->code);
    return true;
}

void sys_event_enter(struct sys_cpu *cpu, const struct sys_event_target *t, bool mask_interrupts)
{
    unsigned cleared = X86_TF | X86_RF | (mask_interrupts ? (unsigned)X86_IF : 0);
    cpu->rflags &= ~(uint64_t)cleared & ~(uint64_t)(SYS_RF_NT | SYS_RF_VM);
    cpu->seg[SYS_CS] = t->code.seg;
    cpu->rip = t->ip;
    cpu->shadow = false;
    cpu->halted = false;
    sys_mode_update(cpu);
}
