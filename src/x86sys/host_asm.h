/* Leaf inline assembly: what C code asks of the host CPU for a guest's sake. */
#ifndef MORTISE_X86SYS_HOST_ASM_H
#define MORTISE_X86SYS_HOST_ASM_H

#include <stdint.h>

#include "base/tsan.h"

/* The host's TSC, not before earlier loads are done. */
static inline uint64_t sys_host_tsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

/* Copies or fills without vector registers; forwards, DF is clear in C. */
static inline void sys_rep_movsb(void *to, const void *from, uint64_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static inline void sys_rep_stosb(void *to, uint8_t value, uint64_t n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

static inline void sys_rep_stosw(void *to, uint16_t value, uint64_t n)
{
    __asm__ volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

static inline void sys_rep_stosl(void *to, uint32_t value, uint64_t n)
{
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

static inline void sys_rep_stosq(void *to, uint64_t value, uint64_t n)
{
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

/* XSAVE and relatives, 64-bit or legacy pointer format; the area is 64-byte aligned
 * and writable, its header is good. For SYS_VEC_CODE (vector.h), so as it is. */
TSAN_SIGNAL_CODE static inline void sys_host_xsave(void *area, uint64_t components, int wide)
{
    uint32_t lo = (uint32_t)components, hi = (uint32_t)(components >> 32);
    if (wide) {
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
    } else {
        __asm__ volatile("xsave (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
    }
}

TSAN_SIGNAL_CODE static inline void sys_host_xsavec(void *area, uint64_t components, int wide)
{
    uint32_t lo = (uint32_t)components, hi = (uint32_t)(components >> 32);
    if (wide) {
        __asm__ volatile("xsavec64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
    } else {
        __asm__ volatile("xsavec (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
    }
}

TSAN_SIGNAL_CODE static inline void sys_host_xrstor(const void *area, uint64_t components, int wide)
{
    uint32_t lo = (uint32_t)components, hi = (uint32_t)(components >> 32);
    if (wide) {
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
    } else {
        __asm__ volatile("xrstor (%0)" : : "r"(area), "a"(lo), "d"(hi) : "memory");
    }
}

static inline void sys_host_fxsave(void *area)
{
    __asm__ volatile("fxsave (%0)" : : "r"(area) : "memory");
}

/* Bits of XINUSE, or of XCR0. */
TSAN_SIGNAL_CODE static inline uint64_t sys_host_xgetbv(uint32_t index)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
    return (uint64_t)hi << 32 | lo;
}

#endif
