/* Switching stacks on x86-64, in line: calls and returns on two stacks confuse
 * the processor's prediction of returns, so there are none here. What the
 * compiler must not keep in registers is told to it, but for rbx and rbp, which
 * it may not be told of and which are pushed; the place to go on at is pushed
 * too, and jumped to by who switches back. The control words of x87 and SSE
 * are the same in all of our code and left alone. */
#ifndef MORTISE_AIO_COROUTINE_ASM_H
#define MORTISE_AIO_COROUTINE_ASM_H

#if defined(__x86_64__)
#define COROUTINE_HAVE_ASM 1

struct coroutine;

/* Saves the stack pointer and switches to another; returns the action of who
 * switches back. */
static inline long coroutine_switch_asm(void **save_sp, void *load_sp, long action)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t" /* the compiler's red zone */
                     "pushq %%rbp\n\t"
                     "pushq %%rbx\n\t"
                     "leaq 1f(%%rip), %%rcx\n\t"
                     "pushq %%rcx\n\t"
                     "movq %%rsp, (%[save])\n\t"
                     "movq %[load], %%rsp\n\t"
                     "popq %%rcx\n\t"
                     "jmpq *%%rcx\n"
                     "1:\n\t"
                     "popq %%rbx\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "+a"(action), [save] "+D"(save_sp), [load] "+S"(load_sp)
                     :
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0",
                       "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
                       "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory");
    return action;
}

/* The stack pointer that makes coroutine_switch_asm call coroutine_main(co). */
void *coroutine_prepare_asm(void *stack_top, struct coroutine *co);

#endif

#endif
