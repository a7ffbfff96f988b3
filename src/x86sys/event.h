/* Interrupts and exceptions on their way through the IDT. Inside of x86sys. */
#ifndef MORTISE_X86SYS_EVENT_H
#define MORTISE_X86SYS_EVENT_H

#include "x86sys/segment.h"

struct sys_event {
    uint8_t vector;
    bool has_error;
    bool soft; /* INT n, INT3, INTO: the gate's DPL is checked, EXT is 0 */
    uint32_t error;
    uint64_t ip;    /* that the handler returns to */
    uint64_t flags; /* as pushed */
};

/* Enters the handler. False: cpu->exception says what went wrong on the way;
 * unless a task switch had been made, the state is as before. */
bool sys_event_deliver(struct sys_cpu *cpu, const struct sys_event *ev);

/* The flags to be pushed by an event that is no fault. */
uint64_t sys_event_flags(const struct sys_cpu *cpu);

/* What a #DB leaves in DR6, which is told why it came, and in DR7. */
void sys_event_report_debug(struct sys_cpu *cpu, uint64_t dr6);

/* By mode. */
bool sys_deliver_real(struct sys_cpu *cpu, const struct sys_event *ev);
bool sys_deliver_protected(struct sys_cpu *cpu, const struct sys_event *ev);
bool sys_deliver_long(struct sys_cpu *cpu, const struct sys_event *ev);
/* INT n that virtual-8086 mode extensions send to the 8086 program's own table. */
bool sys_deliver_vme(struct sys_cpu *cpu, const struct sys_event *ev);

/* What an event has found: its gate, and the code segment and CPL it leads to. */
struct sys_event_target {
    struct sys_desc gate;
    struct sys_seg_new code;
    uint64_t ip;
    uint8_t cpl;
    bool inner; /* more privileged than the current */
};

/* Reads the gate (of 8 or 16 bytes) and checks what is common to all types but
 * the type. */
bool sys_event_gate(struct sys_cpu *cpu, const struct sys_event *ev, unsigned size,
                    struct sys_desc *gate);
bool sys_event_bad_gate(struct sys_cpu *cpu, const struct sys_event *ev, uint8_t vector);
/* The code segment of t->gate. */
bool sys_event_code(struct sys_cpu *cpu, const struct sys_event *ev, struct sys_event_target *t);
/* The end: CS:RIP, flags, CPL. */
void sys_event_enter(struct sys_cpu *cpu, const struct sys_event_target *t, bool mask_interrupts);

#endif
