/* clone(2) into a function on another stack, in the same memory. */
#ifndef MORTISE_USER_VFORK_ASM_H
#define MORTISE_USER_VFORK_ASM_H

#include <stdint.h>

/* The child runs fn(arg) on the stack that ends at `stack_top` (16-byte
 * aligned) and must not return from it. The parent gets the child's id or
 * -errno, with CLONE_VFORK when the child has ended or called execve. */
int64_t vfork_clone(uint64_t flags, void *stack_top, uint64_t parent_tid, uint64_t child_tid,
                    void (*fn)(void *arg), void *arg);

#endif
