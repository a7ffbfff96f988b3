/* Where struct x86_cpu comes from. Only src/x86 uses this header. */
#ifndef MORTISE_X86_CPU_MEMORY_H
#define MORTISE_X86_CPU_MEMORY_H

#include <stddef.h>

#include "x86/state.h"

/* A CPU with `bytes` - the struct and what lies behind it, always the same -
 * all zero but for the jump cache, which is empty: every entry holds the miss
 * stub's address. NULL if out of memory. */
struct x86_cpu *x86_cpu_memory_take(size_t bytes);

/* Takes it back. No other thread knows of the CPU any more. */
void x86_cpu_memory_give(struct x86_cpu *cpu, size_t bytes);

#endif
