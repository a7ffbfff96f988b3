/* The instructions of litmus.c, which no compiler may reorder or leave out. */
#ifndef MORTISE_TESTS_LITMUS_ASM_H
#define MORTISE_TESTS_LITMUS_ASM_H

#include <stdint.h>

static inline void litmus_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}

static inline void litmus_store(uint32_t *to)
{
    __asm__ volatile("movl $1, %0" : "=m"(*to)::"memory");
}

static inline uint32_t litmus_store_load(uint32_t *to, uint32_t *from)
{
    uint32_t r;
    __asm__ volatile("movl $1, %0\n\tmovl %2, %1" : "=m"(*to), "=&r"(r) : "m"(*from) : "memory");
    return r;
}

static inline uint32_t litmus_store_mfence_load(uint32_t *to, uint32_t *from)
{
    uint32_t r;
    __asm__ volatile("movl $1, %0\n\tmfence\n\tmovl %2, %1"
                     : "=m"(*to), "=&r"(r)
                     : "m"(*from)
                     : "memory");
    return r;
}

/* A locked instruction on the stack, as kernels have for a barrier. */
static inline uint32_t litmus_store_lock_load(uint32_t *to, uint32_t *from)
{
    uint32_t r, own = 0;
    __asm__ volatile("movl $1, %0\n\tlock addl $0, %2\n\tmovl %3, %1"
                     : "=m"(*to), "=&r"(r), "+m"(own)
                     : "m"(*from)
                     : "memory", "cc");
    return r;
}

static inline uint32_t litmus_xchg_load(uint32_t *to, uint32_t *from)
{
    uint32_t r, one = 1;
    __asm__ volatile("xchgl %2, %0\n\tmovl %3, %1"
                     : "+m"(*to), "=&r"(r), "+r"(one)
                     : "m"(*from)
                     : "memory");
    return r;
}

static inline void litmus_store_store(uint32_t *first, uint32_t *second)
{
    __asm__ volatile("movl $1, %0\n\tmovl $1, %1" : "=m"(*first), "=m"(*second)::"memory");
}

static inline void litmus_load_load(uint32_t *first, uint32_t *second, uint32_t *r0, uint32_t *r1)
{
    uint32_t a, b;
    __asm__ volatile("movl %2, %0\n\tmovl %3, %1"
                     : "=&r"(a), "=&r"(b)
                     : "m"(*first), "m"(*second)
                     : "memory");
    *r0 = a;
    *r1 = b;
}

static inline uint32_t litmus_load_store(uint32_t *from, uint32_t *to)
{
    uint32_t r;
    __asm__ volatile("movl %2, %0\n\tmovl $1, %1" : "=&r"(r), "=m"(*to) : "m"(*from) : "memory");
    return r;
}

/* Any alignment. */
static inline uint64_t litmus_lock_xadd(void *at, uint64_t value)
{
    __asm__ volatile("lock xaddq %0, (%1)" : "+r"(value) : "r"(at) : "memory", "cc");
    return value;
}

#endif
