/* RFLAGS.AC off, which signal handlers are entered with as it was. */
#ifndef MORTISE_TESTS_X86SYS_NATIVE_ALIGN_ASM_H
#define MORTISE_TESTS_X86SYS_NATIVE_ALIGN_ASM_H

static inline void native_ac_clear(void)
{
    /* Below what the compiler may keep under the stack pointer. */
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "pushfq\n\t"
                     "andl $0xfffbffff, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp"
                     :
                     :
                     : "cc", "memory");
}

#endif
