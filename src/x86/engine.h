/* The engine as its environment sees it: create a CPU, run it until
 * something happens that the engine doesn't handle itself, and, from host
 * signal handlers, find out where the guest stands. */
#ifndef MORTISE_X86_ENGINE_H
#define MORTISE_X86_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/error.h"
#include "locks/mmap_lock.h"
#include "x86/state.h"

struct x86_engine_config {
    size_t cache_size;    /* bytes of code cache; 0: default (64 MiB) */
    uintptr_t cache_hint; /* where to put it; see code_cache.h */
    bool one_insn_per_tb;
};

/* Detects the host CPU, maps the code cache, generates the stubs. Once. */
NODISCARD int x86_engine_init(const struct x86_engine_config *cfg, struct error *err);

/* Around fork(2): in the parent with the locks of locks_before_fork held, in
 * the child with none of them. There `self` is the one CPU left, and it has a
 * code cache of its own. */
void x86_engine_before_fork(void) REQUIRES(mmap_lock_cap);
void x86_engine_after_fork_parent(void) REQUIRES(mmap_lock_cap);
void x86_engine_after_fork_child(struct x86_cpu *self);

/* A CPU with all registers zero, MXCSR and the x87 control word at their
 * power-up values, registered with exec. `from` (may be NULL) is copied:
 * registers and vector state. NULL if out of memory. */
struct x86_cpu *x86_cpu_new(const struct x86_cpu *from);
void x86_cpu_free(struct x86_cpu *cpu);

/* Makes the CPU the calling thread's: current_cpu, host GS base. */
void x86_cpu_attach(struct x86_cpu *cpu);

/* Size in bytes and component mask of the guest-visible XSAVE area in
 * standard format: what cpu->xsave holds after a full exit. */
size_t x86_xsave_size(void);
uint64_t x86_xsave_mask(void);
/* XCR0-style feature set the guest is told of. */

enum x86_exit {
    X86_EXIT_SYSCALL,    /* SYSCALL executed: rip is after it; rcx, r11 not yet changed */
    X86_EXIT_INT80,      /* INT 0x80: rip is after it */
    X86_EXIT_INT3,       /* INT3: rip is after it */
    X86_EXIT_INTERRUPT,  /* cpu.exit_request has bits the environment handles; rip is exact */
    X86_EXIT_FAULT,      /* a host signal hit guest code, see x86_context_take; rip is exact */
    X86_EXIT_NOCODE,     /* rip is not executable: fault address is rip */
    X86_EXIT_ILLEGAL,    /* an instruction the engine rejects: SIGILL at rip */
    X86_EXIT_PRIVILEGED, /* an instruction that faults with #GP in user mode: SIGSEGV at rip */
    X86_EXIT_STEP,       /* single-step trap (TF): rip is the next instruction */
};

/* Runs guest code from cpu->rip until one of the above. Not inside; no lock
 * held. On return all state is in *cpu. */
enum x86_exit x86_cpu_exec(struct x86_cpu *cpu);

/* --- from host signal handlers, on the vCPU's thread --- */

enum x86_where {
    X86_IN_GUEST, /* the signal hit translated code at an exact guest instruction */
    X86_IN_STUBS, /* in generated entry or exit code */
    X86_IN_HOST,  /* in C code */
};

/* Where the interrupted context is. For X86_IN_GUEST *pc (may be NULL) gets the guest's
 * instruction pointer, which is exact: everything before it has been
 * executed, nothing of it has. Signal-safe. */
enum x86_where x86_context_where(struct x86_cpu *cpu, const ucontext_t *uc, uint64_t *pc);

/* For X86_IN_GUEST: takes the guest's registers out of the context into
 * *cpu and changes the context so that, when the handler returns,
 * x86_cpu_exec returns `why` (vector state travels in the registers);
 * insns_limit is 0 then, and the handler may set it. For
 * the other places: makes sure that x86_cpu_exec returns
 * X86_EXIT_INTERRUPT before running another guest instruction (the caller
 * has set a bit in exit_request). Returns where it was. Signal-safe. */
enum x86_where x86_context_take(struct x86_cpu *cpu, ucontext_t *uc, enum x86_exit why);

/* SIGTRAP by TF in generated code: true if it does not concern the guest
 * (the stepping has not yet reached a guest instruction boundary): the
 * handler just returns. */
bool x86_context_step_inside(struct x86_cpu *cpu, const ucontext_t *uc);

#endif
