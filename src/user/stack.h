/* The first thread's stack as the kernel hands it to a program. */
#ifndef MORTISE_USER_STACK_H
#define MORTISE_USER_STACK_H

#include <stdint.h>

#include "base/error.h"
#include "user/load.h"
#include "user/mm.h"

struct stack_request {
    uint64_t size; /* bytes */
    bool executable;
    char *const *argv, *const *envp;
    const char *execfn;
    const struct loaded_image *program, *interp; /* interp NULL: none */
    uint16_t phnum, phentsize;
    uint64_t vdso; /* 0: none */
    bool seeded;   /* AT_RANDOM comes from `seed` */
    uint64_t seed;
};

/* Where things on the finished stack are. */
struct IMMUTABLE_AFTER_INIT stack_image {
    uint64_t sp;
    uint64_t arg_start, arg_end, env_start, env_end;
    uint64_t auxv, auxv_size;
};

/* The stack's size by the resource limit. */
uint64_t stack_default_size(void);

/* Maps the stack, with a guard below it, and fills it. */
NODISCARD int stack_build(const struct stack_request *request, struct stack_image *out,
                          struct error *err) REQUIRES(mmap_lock_cap);

#endif
