/* What a new stack begins with. */
#include "aio/coroutine_asm.h"

#ifdef COROUTINE_HAVE_ASM

#include <stdint.h>

/* Takes the coroutine off the stack, as the argument; below it is the zero
 * return address that ends backtraces. */
__asm__(".text\n"
        ".p2align 4\n"
        ".type coroutine_start_asm, @function\n"
        "coroutine_start_asm:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "    popq %rdi\n"
        "    jmp coroutine_main\n"
        ".cfi_endproc\n"
        ".size coroutine_start_asm, . - coroutine_start_asm\n");

extern char coroutine_start_asm[] __attribute__((visibility("hidden")));

void *coroutine_prepare_asm(void *stack_top, struct coroutine *co)
{
    uintptr_t *sp = stack_top;

    /* Where coroutine_main believes to return to; at 16n + 8, as the ABI has it. */
    *--sp = 0;
    *--sp = (uintptr_t)co;
    *--sp = (uintptr_t)coroutine_start_asm;
    return sp;
}

#endif
