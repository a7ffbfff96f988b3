/* Vector registers of the test itself, which are the guest's while vec_live is set. */
#ifndef MORTISE_TESTS_X86SYS_OPS_VECTORS_ASM_H
#define MORTISE_TESTS_X86SYS_OPS_VECTORS_ASM_H

#include <stdint.h>

static inline void xmm5_set(uint64_t low)
{
    __asm__ volatile("movq %0, %%xmm5" : : "r"(low) : "xmm5");
}

static inline uint64_t xmm5_get(void)
{
    uint64_t low;
    __asm__ volatile("movq %%xmm5, %0" : "=r"(low));
    return low;
}

#endif
