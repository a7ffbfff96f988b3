/* For programs that write code: little functions as bytes, and what to call
 * them. */
#ifndef GUEST_SMC_H
#define GUEST_SMC_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "guest_test.h"

#define PAGE 4096u

typedef int int_fn(void);

/* Function and object pointers are the same thing here; ISO C has no cast. */
static inline int_fn *as_fn(void *p)
{
    int_fn *fn;
    memcpy(&fn, &p, sizeof(fn));
    return fn;
}

/* mov eax, value; ret */
static inline size_t put_return(uint8_t *at, int32_t value)
{
    at[0] = 0xb8;
    memcpy(at + 1, &value, 4);
    at[5] = 0xc3;
    return 6;
}

static inline uint8_t *map_code(size_t size, int prot)
{
    void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(p != MAP_FAILED);
    return p;
}

#endif
