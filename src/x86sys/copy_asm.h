/* Copies that use no vector register, as memcpy of the C library may: guest vector
 * state may be live. They are instructions, lest the compiler make calls of
 * memcpy of them; and single ones for sizes of 1, 2, 4 and 8, so that a naturally
 * aligned access to guest memory is one access for other CPUs. */
#ifndef MORTISE_X86SYS_COPY_ASM_H
#define MORTISE_X86SYS_COPY_ASM_H

#include <stddef.h>
#include <stdint.h>

static inline void sys_copy(void *dst, const void *src, size_t n)
{
    uint64_t v;

    switch (n) {
    case 1:
        __asm__ volatile("movb (%2), %b0; movb %b0, (%1)"
                         : "=&q"(v)
                         : "r"(dst), "r"(src)
                         : "memory");
        break;
    case 2:
        __asm__ volatile("movw (%2), %w0; movw %w0, (%1)"
                         : "=&r"(v)
                         : "r"(dst), "r"(src)
                         : "memory");
        break;
    case 4:
        __asm__ volatile("movl (%2), %k0; movl %k0, (%1)"
                         : "=&r"(v)
                         : "r"(dst), "r"(src)
                         : "memory");
        break;
    case 8:
        __asm__ volatile("movq (%2), %q0; movq %q0, (%1)"
                         : "=&r"(v)
                         : "r"(dst), "r"(src)
                         : "memory");
        break;
    default:
        __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        break;
    }
}

static inline void sys_zero(void *dst, size_t n)
{
    __asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(0) : "memory");
}

#endif
