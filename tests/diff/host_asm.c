#include "host.h"

#include <cpuid.h>

#define LEAF1_ECX_OSXSAVE (1u << 27)

uint64_t host_xcr0(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & LEAF1_ECX_OSXSAVE)) {
        return 0;
    }
    uint32_t lo, hi;
    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo | ((uint64_t)hi << 32);
}
