/* The guest's x87 and vector state between the host's registers and memory.
 *
 * While cpu->vec_live it is in the registers of the vCPU's thread: generated code
 * runs on it, and the rooms from locks to x86sys, built without vector code, leave
 * it alone. Whoever calls out of them (devices, aio, the C library's memcpy and
 * printf) saves first; the way back into guest code restores. */
#ifndef MORTISE_X86SYS_VECTOR_H
#define MORTISE_X86SYS_VECTOR_H

#include "base/tsan.h"
#include "x86sys/state.h"

/* Whether the compiler may use vector registers even in those rooms (clang calls
 * memcpy as it likes, sanitizers and -O0 do too): then C gets them saved at once. */
#if defined(MORTISE_SANITIZE) || defined(__clang__) || !defined(__OPTIMIZE__)
#define SYS_C_USES_VECTORS true
#else
#define SYS_C_USES_VECTORS false
#endif

/* For functions that have the guest's registers in hand between the two: they do not
 * call out, and TSan, whose run time takes vector registers at each access, stays out
 * of them. */
#define SYS_VEC_CODE TSAN_SIGNAL_CODE

/* Registers to cpu->xsave, if they are live. vCPU's thread; cheap if not live. */
void sys_vec_save(struct sys_cpu *cpu);

/* The guest's state by way of the host's instructions; the vCPU's thread. The area is as
 * for sys_host_xsave and sys_host_xrstor, and may be in guest memory. Afterwards the
 * state is where C needs it: in memory if SYS_C_USES_VECTORS, else live. */
SYS_VEC_CODE void sys_vec_xsave(struct sys_cpu *cpu, void *area, uint64_t components, bool wide);
SYS_VEC_CODE void sys_vec_xsavec(struct sys_cpu *cpu, void *area, uint64_t components, bool wide);
SYS_VEC_CODE void sys_vec_xrstor(struct sys_cpu *cpu, const void *area, uint64_t components,
                                 bool wide);
/* XINUSE: the components that are not in their initial state. */
NODISCARD SYS_VEC_CODE uint64_t sys_vec_in_use(struct sys_cpu *cpu);

#endif
