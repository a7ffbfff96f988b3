/* The guest's x87 and vector state between the host's registers and memory.
 *
 * While cpu->vec_live it is in the registers of the vCPU's thread: generated code
 * runs on it, and the rooms from locks to x86sys, built without vector code, leave
 * it alone. Whoever calls out of them (devices, aio, the C library's memcpy and
 * printf) saves first; the way back into guest code restores. */
#ifndef MORTISE_X86SYS_VECTOR_H
#define MORTISE_X86SYS_VECTOR_H

#include "x86sys/state.h"

/* Whether the compiler may use vector registers even in those rooms (clang calls
 * memcpy as it likes, sanitizers and -O0 do too): then C gets them saved at once. */
#if defined(MORTISE_SANITIZE) || defined(__clang__) || !defined(__OPTIMIZE__)
#define SYS_C_USES_VECTORS true
#else
#define SYS_C_USES_VECTORS false
#endif

/* Registers to cpu->xsave, if they are live. vCPU's thread; cheap if not live. */
void sys_vec_save(struct sys_cpu *cpu);
/* Back again, if they are not live. Called by the way into guest code. */
void sys_vec_restore(struct sys_cpu *cpu);

#endif
