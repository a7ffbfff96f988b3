/* XSAVE and XRSTOR of all components: those that XGETBV tells of, in as many bytes as
 * CPUID says, whatever else the host has enabled. */
#include "guest_test.h"

#include <cpuid.h>

#define AREA 16384u

static _Alignas(64) uint8_t area[AREA];
static uint64_t xcr0;
static uint32_t size;

static uint64_t get64(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static void clear(void)
{
    memset(area, 0, 576);
    memset(area + 576, 0xaa, AREA - 576);
}

static void report(const char *what, uint32_t bytes, uint64_t rax, uint64_t rdx, uint8_t carry)
{
    unsigned beyond = 0;
    for (uint32_t i = bytes; i < AREA; i++) {
        beyond += area[i] != 0xaa;
    }
    printf("%s: not enabled %llx, written beyond %u, xmm5 %llx, rax %llx rdx %llx carry %u\n", what,
           (unsigned long long)(get64(area + 512) & ~xcr0), beyond,
           (unsigned long long)get64(area + 160 + 5 * 16), (unsigned long long)rax,
           (unsigned long long)rdx, carry);
}

/* Each with another kind of operand; `a` and `d` go to RAX and RDX. */
#define TRY(what, bytes, insn, a, d)                                                               \
    do {                                                                                           \
        uint64_t rax = (uint64_t)(a), rdx = (uint64_t)(d);                                         \
        uint8_t carry;                                                                             \
        clear();                                                                                   \
        __asm__ volatile("movq %[v], %%xmm5\n\tstc\n\t" insn "\n\tsetc %[c]"                       \
                         : "+a"(rax), "+d"(rdx), [c] "=r"(carry)                                   \
                         : [v] "r"(0x1234567ull), [p] "r"(area), "c"(area)                         \
                         : "xmm5", "memory", "cc");                                                \
        report(what, bytes, rax, rdx, carry);                                                      \
    } while (0)

static void restore(void)
{
    uint64_t xmm5, one = 1;
    __asm__ volatile("movq %[v], %%xmm5\n\txrstor (%[p])\n\tmovq %%xmm5, %[v]"
                     : [v] "+r"(one)
                     : [p] "r"(area), "a"(-1), "d"(-1)
                     : "xmm5", "memory");
    xmm5 = one;
    printf("restored: xmm5 %llx\n", (unsigned long long)xmm5);
    /* all in their initial state, and memory is still there */
    memset(area + 512, 0, 64);
    __asm__ volatile("xrstor (%[p])\n\tmovq %%xmm5, %[v]"
                     : [v] "=r"(xmm5)
                     : [p] "r"(area), "a"(-1), "d"(-1)
                     : "xmm5", "memory");
    printf("initial: xmm5 %llx\n", (unsigned long long)xmm5);
}

int main(void)
{
    unsigned a, b, c, d, compact;
    uint32_t lo, hi;
    MUST(__get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE);
    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    xcr0 = lo | (uint64_t)hi << 32;
    MUST(__get_cpuid_count(0xd, 0, &a, &size, &c, &d));
    MUST(__get_cpuid_count(0xd, 1, &c, &compact, &b, &d));
    TRY("xsave", size, "xsave (%[p])", -1, -1);
    restore();
    TRY("xsave64 rip", size, "xsave64 area(%%rip)", -1, -1);
    TRY("xsave rcx + rdx", size, "xsave (%%rcx,%%rdx)", -1, 0);
    TRY("xsave rcx + rax", size, "xsave -0xff(%%rcx,%%rax)", 0xff, -1);
    TRY("xsave rbp", size, "xchg %%rcx, %%rbp\n\txsave (%%rbp)\n\txchg %%rcx, %%rbp", -1, -1);
    if (c & 1) {
        TRY("xsaveopt", size, "xsaveopt (%[p])", -1, -1);
    }
    if (c & 2) {
        TRY("xsavec", compact ? compact : size, "xsavec (%[p])", -1, -1);
        restore();
    }
    return 0;
}
