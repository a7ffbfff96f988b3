/* Switching stacks on x86-64. The ABI has the callee keep rbx, rbp and r12 to
 * r15; those are pushed, the stack pointers exchanged, and the others popped.
 * The control words of x87 and SSE, which the ABI has kept too, are the same
 * in all of our code and left alone. The return is a jump, since the
 * processor's prediction of returns would be of the other stack. */
#include "aio/coroutine_impl.h"

#ifdef COROUTINE_HAVE_ASM

#include <stdint.h>

__asm__(".text\n"
        ".p2align 4\n"
        ".globl coroutine_switch_asm\n"
        ".hidden coroutine_switch_asm\n"
        ".type coroutine_switch_asm, @function\n"
        "coroutine_switch_asm:\n"
        ".cfi_startproc\n"
        "    popq %rcx\n"
        "    .cfi_adjust_cfa_offset -8\n"
        "    .cfi_register rip, rcx\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    pushq %rcx\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %rcx\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    movq %rdx, %rax\n"
        "    jmpq *%rcx\n"
        ".cfi_endproc\n"
        ".size coroutine_switch_asm, . - coroutine_switch_asm\n"
        /* The first thing on a new stack: rbx is the coroutine, and the zero
         * return address, which ends backtraces, is there already. */
        ".p2align 4\n"
        ".type coroutine_start_asm, @function\n"
        "coroutine_start_asm:\n"
        ".cfi_startproc\n"
        ".cfi_undefined rip\n"
        "    movq %rbx, %rdi\n"
        "    jmp coroutine_main\n"
        ".cfi_endproc\n"
        ".size coroutine_start_asm, . - coroutine_start_asm\n");

extern char coroutine_start_asm[] __attribute__((visibility("hidden")));

void *coroutine_prepare_asm(void *stack_top, struct coroutine *co)
{
    uintptr_t *sp = stack_top;

    /* Where coroutine_main believes to return to; at 16n + 8, as the ABI has it. */
    *--sp = 0;
    sp--;
    *sp = 0;               /* rbp */
    *--sp = (uintptr_t)co; /* rbx */
    for (int i = 0; i < 4; i++) {
        *--sp = 0; /* r12 to r15 */
    }
    *--sp = (uintptr_t)coroutine_start_asm;
    return sp;
}

#endif
