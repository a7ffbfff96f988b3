/* The state of a guest x86-64 CPU. While its guest code runs, the host's GS
 * base points to this struct, all 16 guest GPRs are in the host registers of
 * the same names, flags in RFLAGS, vector and x87 state in the host's.
 * Whenever C code that is not a light exit runs, everything is here.
 *
 * The struct is owned by the vCPU's thread, except for what struct cpu says. */
#ifndef MORTISE_X86_STATE_H
#define MORTISE_X86_STATE_H

#include <stddef.h>
#include <stdint.h>

#include <stdbool.h>

#include "exec/cpu.h"

enum x86_reg {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8,
    X86_R9,
    X86_R10,
    X86_R11,
    X86_R12,
    X86_R13,
    X86_R14,
    X86_R15,
    X86_GPRS
};

enum x86_flag {
    X86_CF = 1 << 0,
    X86_PF = 1 << 2,
    X86_AF = 1 << 4,
    X86_ZF = 1 << 6,
    X86_SF = 1 << 7,
    X86_TF = 1 << 8,
    X86_IF = 1 << 9,
    X86_DF = 1 << 10,
    X86_OF = 1 << 11,
    X86_RF = 1 << 16,
    X86_AC = 1 << 18,
    X86_ID = 1 << 21,
};

enum x86_stop {
    X86_STOP_NEXT,      /* rip is where to go on; there was no TB for it, or chaining is off */
    X86_STOP_INTERRUPT, /* a request was pending */
    X86_STOP_SIGNAL,    /* a handler took the state; signal_result says why */
    X86_STOP_SPECIAL,   /* plus enum x86_special */
};

struct tb_exit;

struct OWNED_BY(its thread) x86_cpu {
    uint64_t self; /* &cpu: what generated code reads at gs:0 */

    uint64_t gpr[X86_GPRS];
    uint64_t rip;
    uint64_t rflags;
    uint64_t fs_base, gs_base; /* the guest's */

    /* Used by generated code only. */
    uint64_t slot[X86_GPRS]; /* a GPR's value while the host register is borrowed */
    uint64_t entry;          /* where re-entry jumps to */
    uint64_t host_rsp;       /* C stack while guest code runs */
    uint64_t scratch[2];
    uint32_t exit;       /* offset in the code cache of the exit being taken */
    uint32_t collisions; /* in the jump cache, times 32, mod 256 */
    uint64_t xsave_mask; /* state components saved on a full exit */
    void *xsave;         /* 64-byte aligned, x86_xsave_size bytes, standard format */

    /* Why the last run ended, for loop.c; written by light exits and by
     * signal handlers of the same thread. */
    uint32_t stop;             /* enum x86_stop, or X86_STOP_SPECIAL + enum x86_special */
    uint32_t signal_result;    /* enum x86_exit, with X86_STOP_SIGNAL */
    struct tb_exit *last_exit; /* to be chained to the next TB, or NULL */
    bool missed;               /* the next TB goes into the jump cache */
    bool arrived;              /* single-stepping: has been seen at the entry's first instruction */
    uint64_t fault_addr;       /* X86_EXIT_NOCODE: the address that isn't executable */

    /* 1: the next run executes one guest instruction from an unpublished TB
     * whose page is not protected; the engine sets it back to 0. Set by the
     * environment after a store into the storing code's own page. */
    uint64_t insns_limit;
    struct cpu cpu;

    /* The kick came as SIGTRAP, because the kernel had no room to queue signal
     * 64. Set by who kicks, taken by the handler. */
    atomic_bool kicked_by_trap;

    void *env; /* the environment's (src/user: struct user_thread) */

    _Atomic(uintptr_t) jump_cache[CPU_JUMP_CACHE_ENTRIES];
};

static inline struct x86_cpu *x86_cpu_of(struct cpu *cpu)
{
    return (struct x86_cpu *)(void *)((char *)cpu - offsetof(struct x86_cpu, cpu));
}

#endif
