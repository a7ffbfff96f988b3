/* The code that is generated once, at the start of the code cache: the way into
 * guest code, the ways out of it, and the slow path of memory accesses. Addresses
 * are RX, immutable after sys_stubs_generate.
 *
 * Where the flags are at a way out differs, so the code that leaves says it. */
#ifndef MORTISE_X86SYS_STUBS_H
#define MORTISE_X86SYS_STUBS_H

#include <stdbool.h>
#include <stdint.h>

#include "x86sys/state.h"

#define SYS_STUBS_SIZE 4096

enum sys_flags_at {
    SYS_FLAGS_HOST,  /* in RFLAGS */
    SYS_FLAGS_ASIDE, /* in cpu->flags */
    SYS_FLAGS_DEAD,  /* nobody will read them: the guest sees zeroes */
};

enum sys_leave {
    SYS_LEAVE_CHAIN,   /* S0: cache offset of a struct tb_exit that leads nowhere yet */
    SYS_LEAVE_MISS,    /* S0: RIP, not in the jump cache */
    SYS_LEAVE_POLL,    /* S0: RIP; a request is pending */
    SYS_LEAVE_EXECUTE, /* S0: cache offset of a struct sys_insn for C */
    SYS_LEAVE_RAISE,   /* S0: RIP; the vector in bits 16.. of S1 */
    SYS_LEAVE_STEP,    /* S0: RIP behind a block of one instruction, see SYS_MODE_ONE_INSN */
    SYS_LEAVE_COUNT,   /* S0: RIP of a block of more instructions than are left to execute */
};

/* What S1 holds: enum sys_leave, enum sys_flags_at, and more. With SYS_MODE_ICOUNT, how
 * many instructions of the block have not been executed. */
#define SYS_LEAVE_FLAGS_SHIFT  8
#define SYS_LEAVE_VECTOR_SHIFT 16
#define SYS_LEAVE_AHEAD_SHIFT  24

/* cpu->stop: why guest code came back to the loop. */
enum sys_stop {
    SYS_STOP_NEXT,      /* go on at rip */
    SYS_STOP_REQUEST,   /* exit_request has bits */
    SYS_STOP_EXECUTE,   /* cpu->exit says which instruction */
    SYS_STOP_EXCEPTION, /* in cpu->exception */
    SYS_STOP_STEP,      /* the one instruction of a one-instruction block is done */
    SYS_STOP_COUNT,     /* few instructions are left to execute */
};

struct sys_stubs {
    void (*enter)(struct sys_cpu *cpu); /* at cpu->entry; comes back with cpu->stop */
    void (*vec_save)(struct sys_cpu *cpu);
    void (*vec_restore)(struct sys_cpu *cpu);
    uintptr_t leave;  /* S0, S1 as above; all else is the guest's */
    uintptr_t miss;   /* the same with S1 for SYS_LEAVE_MISS, flags aside */
    uintptr_t slow;   /* called: see sys_emit_slow_call; S1: size and access << 16 */
    uintptr_t commit; /* called: see sys_emit_commit */
};
extern struct sys_stubs sys_stubs;

void sys_stubs_generate(void);

/* Signal handlers for what the host raises in guest code. Once. (host_fault.c) */
void sys_host_fault_init(void);

/* --- what the stubs call (loop.c, slow.c): no vector code, nor libc's --- */

/* Returns the address to go on at, or 0 to leave for the loop. */
uintptr_t sys_light_exit(struct sys_cpu *cpu, uint64_t arg, uint32_t how);

/* ret: where in a TB it was called from; host_flags: RFLAGS there. The address is
 * cpu->slow.result. False: leave for the loop, all is in cpu. */
bool sys_slow_begin(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                    uintptr_t ret, uint64_t host_flags);
bool sys_slow_commit(struct sys_cpu *cpu, uintptr_t ret, uint64_t host_flags);

/* cpu->rflags from what was left. */
void sys_take_flags(struct sys_cpu *cpu, uint64_t host_flags, enum sys_flags_at where);

#endif
