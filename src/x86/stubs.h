/* The code that is generated once, at the start of the code cache: the way
 * into guest code and the ways out of it. Addresses are RX and immutable
 * after x86_stubs_generate (called again only in the child of a fork). */
#ifndef MORTISE_X86_STUBS_H
#define MORTISE_X86_STUBS_H

#include <stdint.h>

#include "x86/state.h"

#define X86_STUBS_SIZE 8192

/* Why C is called from a light exit; the argument besides. */
enum x86_stub_kind {
    X86_STUB_CHAIN,   /* a direct jump not chained yet: its struct tb_exit's cache offset */
    X86_STUB_MISS,    /* an indirect jump missed the jump cache: the target */
    X86_STUB_SPECIAL, /* cpu->rip is set: enum x86_special */
};

enum x86_special {
    X86_SPECIAL_SYSCALL,
    X86_SPECIAL_INT3,
    X86_SPECIAL_INT80,
    X86_SPECIAL_EMULATE,
    X86_SPECIAL_ILLEGAL,
    X86_SPECIAL_PRIVILEGED,
    X86_SPECIAL_INTERRUPT,
};

struct x86_stubs {
    void (*enter)(struct x86_cpu *cpu); /* C to guest; returns on a full exit */
    uintptr_t chain;                    /* jumped to with RAX = exit; RAX's value is in its slot */
    uintptr_t miss;    /* RAX = target; RAX's and RCX's values are in their slots */
    uintptr_t collide; /* as miss, when the entry was another TB's; for checked entries */
    uintptr_t give_up; /* the way from collide to miss lies from here to collide */
    uintptr_t collide_end;
    uintptr_t special;   /* EAX = enum x86_special; RAX's value in its slot, rip set */
    uintptr_t interrupt; /* instead of a TB's entry: all registers are the guest's, rip set */
    uintptr_t signal;    /* from a handler's context: GPRs and flags are in *cpu already */
    uintptr_t end;
};
extern struct x86_stubs x86_stubs;

void x86_stubs_generate(void);

/* The C side of a light exit (loop.c): returns the RX address to go on at
 * (cpu->entry is set to it), or 0 for a full exit. Runs with the guest's
 * vector state live: no vector code, no libc. */
uintptr_t x86_light_exit(struct x86_cpu *cpu, uintptr_t arg, uint32_t kind);

#endif
