/* Leaf inline assembly for host.c and emulate.c. */
#ifndef MORTISE_X86_HOST_ASM_H
#define MORTISE_X86_HOST_ASM_H

#include "x86/host.h"

/* XGETBV of the host; index 0 or, if CPUID says so, 1. */
uint64_t x86_host_xgetbv(uint32_t index);

#endif
