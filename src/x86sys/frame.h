/* Frames on guest stacks: what interrupts, far calls and returns push and pop,
 * on the current stack or one that is being switched to. Checked and written as
 * a whole; the CPU's RSP changes only by sys_stack_commit. Inside of x86sys. */
#ifndef MORTISE_X86SYS_FRAME_H
#define MORTISE_X86SYS_FRAME_H

#include "x86sys/state.h"

struct sys_stack {
    struct sys_seg seg;
    uint64_t sp;
    uint64_t mask;   /* of the stack pointer: 16, 32 or 64 bits */
    uint32_t access; /* 0, or SYS_IMPLICIT: on a stack of a more privileged level */
    uint32_t error;  /* of the #SS when there is no room */
    bool flat64;     /* 64-bit mode: no segment, canonical addresses */
};

#define SYS_FRAME_MAX 48

/* The stack that the CPU is on. */
struct sys_stack sys_stack_current(const struct sys_cpu *cpu);
/* One of 16- or 32-bit mode, by its segment. */
struct sys_stack sys_stack_in(const struct sys_seg *seg, uint64_t sp);
/* One of 64-bit mode. */
struct sys_stack sys_stack_64(uint64_t sp);

/* Pushes n values (the first one first) of size 2, 4 or 8. All or nothing. */
bool sys_stack_push(struct sys_cpu *cpu, struct sys_stack *st, unsigned size,
                    const uint64_t *values, unsigned n);
/* Reads n values from the top, the topmost first, without popping them. */
bool sys_stack_peek(struct sys_cpu *cpu, const struct sys_stack *st, unsigned size,
                    uint64_t *values, unsigned n);
/* Moves the stack pointer up. */
static inline void sys_stack_drop(struct sys_stack *st, uint64_t bytes)
{
    st->sp = (st->sp + bytes) & st->mask;
}
/* Makes its stack pointer RSP: as many bits of it as the stack has. */
void sys_stack_commit(struct sys_cpu *cpu, const struct sys_stack *st);

#endif
