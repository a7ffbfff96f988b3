/* See native_asm.h. The offsets are those of struct native_block. */
#include "native_asm.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

struct native_block native_block;

_Static_assert(offsetof(struct native_block, rflags) == 128, "offset used below");
_Static_assert(offsetof(struct native_block, target) == 136, "offset used below");
_Static_assert(offsetof(struct native_block, host_rsp) == 144, "offset used below");
_Static_assert(offsetof(struct native_block, mask) == 152, "offset used below");
_Static_assert(offsetof(struct native_block, xsave_in) == 160, "offset used below");
_Static_assert(offsetof(struct native_block, xsave_out) == 168, "offset used below");
_Static_assert(offsetof(struct native_block, xsave_clean) == 176, "offset used below");
_Static_assert(offsetof(struct native_block, set_fs) == 184, "offset used below");
_Static_assert(offsetof(struct native_block, fs_guest) == 192, "offset used below");
_Static_assert(offsetof(struct native_block, fs_host) == 200, "offset used below");
_Static_assert(offsetof(struct native_block, handler) == 208, "offset used below");

__asm__(".text\n"
        ".hidden native_block\n"
        ".set NB, native_block\n"
        ".globl native_enter\n"
        ".hidden native_enter\n"
        ".type native_enter, @function\n"
        "native_enter:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    mov %rsp, NB+144(%rip)\n"
        "    cmpq $0, NB+184(%rip)\n"
        "    je 1f\n"
        "    mov NB+192(%rip), %rsi\n"
        "    mov $0x1002, %edi\n" /* ARCH_SET_FS */
        "    mov $158, %eax\n"    /* arch_prctl */
        "    syscall\n"
        "1:  mov NB+152(%rip), %rax\n"
        "    mov %rax, %rdx\n"
        "    shr $32, %rdx\n"
        "    mov NB+160(%rip), %rcx\n"
        "    xrstor64 (%rcx)\n"
        "    pushq NB+128(%rip)\n"
        "    popfq\n"
        "    mov NB+0(%rip), %rax\n"
        "    mov NB+8(%rip), %rcx\n"
        "    mov NB+16(%rip), %rdx\n"
        "    mov NB+24(%rip), %rbx\n"
        "    mov NB+32(%rip), %rsp\n"
        "    mov NB+40(%rip), %rbp\n"
        "    mov NB+48(%rip), %rsi\n"
        "    mov NB+56(%rip), %rdi\n"
        "    mov NB+64(%rip), %r8\n"
        "    mov NB+72(%rip), %r9\n"
        "    mov NB+80(%rip), %r10\n"
        "    mov NB+88(%rip), %r11\n"
        "    mov NB+96(%rip), %r12\n"
        "    mov NB+104(%rip), %r13\n"
        "    mov NB+112(%rip), %r14\n"
        "    mov NB+120(%rip), %r15\n"
        "    jmp *NB+136(%rip)\n"
        ".globl native_exit\n"
        ".hidden native_exit\n"
        "native_exit:\n"
        "    mov %rax, NB+0(%rip)\n"
        "    mov %rcx, NB+8(%rip)\n"
        "    mov %rdx, NB+16(%rip)\n"
        "    mov %rbx, NB+24(%rip)\n"
        "    mov %rsp, NB+32(%rip)\n"
        "    mov %rbp, NB+40(%rip)\n"
        "    mov %rsi, NB+48(%rip)\n"
        "    mov %rdi, NB+56(%rip)\n"
        "    mov %r8, NB+64(%rip)\n"
        "    mov %r9, NB+72(%rip)\n"
        "    mov %r10, NB+80(%rip)\n"
        "    mov %r11, NB+88(%rip)\n"
        "    mov %r12, NB+96(%rip)\n"
        "    mov %r13, NB+104(%rip)\n"
        "    mov %r14, NB+112(%rip)\n"
        "    mov %r15, NB+120(%rip)\n"
        "    mov NB+144(%rip), %rsp\n"
        "    pushfq\n"
        "    popq NB+128(%rip)\n"
        "    pushq $0x202\n"
        "    popfq\n"
        "    mov NB+152(%rip), %rax\n"
        "    mov %rax, %rdx\n"
        "    shr $32, %rdx\n"
        "    mov NB+168(%rip), %rcx\n"
        "    xsave64 (%rcx)\n"
        "    mov NB+176(%rip), %rcx\n"
        "    xrstor64 (%rcx)\n"
        "    cmpq $0, NB+184(%rip)\n"
        "    je 1f\n"
        "    mov NB+200(%rip), %rsi\n"
        "    mov $0x1002, %edi\n"
        "    mov $158, %eax\n"
        "    syscall\n"
        "1:  pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    ret\n"
        ".globl native_handler\n"
        ".hidden native_handler\n"
        ".type native_handler, @function\n"
        "native_handler:\n"
        "    cmpq $0, NB+184(%rip)\n"
        "    je 1f\n"
        "    push %rdi\n"
        "    push %rsi\n"
        "    push %rdx\n"
        "    mov NB+200(%rip), %rsi\n"
        "    mov $0x1002, %edi\n"
        "    mov $158, %eax\n"
        "    syscall\n"
        "    pop %rdx\n"
        "    pop %rsi\n"
        "    pop %rdi\n"
        "1:  pushfq\n"
        "    andq $~0x40000, (%rsp)\n" /* AC: C code may be unaligned */
        "    popfq\n"
        "    jmp *NB+208(%rip)\n"
        ".globl native_restorer\n"
        ".hidden native_restorer\n"
        ".type native_restorer, @function\n"
        "native_restorer:\n"
        "    mov $15, %eax\n" /* rt_sigreturn */
        "    syscall\n"
        ".globl native_reset_segments\n"
        ".hidden native_reset_segments\n"
        ".type native_reset_segments, @function\n"
        "native_reset_segments:\n"
        "    xor %eax, %eax\n"
        "    mov %eax, %ds\n"
        "    mov %eax, %es\n"
        "    ret\n");

#define KERNEL_SA_RESTORER 0x04000000ul

/* What the handlers return to. */
void native_restorer(void);

void native_catch(const int *signals, unsigned count)
{
    const struct {
        void (*handler)(int sig, siginfo_t *info, void *context);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } sa = {native_handler, SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER, native_restorer, ~0ull};
    for (unsigned i = 0; i < count; i++) {
        syscall(SYS_rt_sigaction, signals[i], &sa, NULL, sizeof(sa.mask));
    }
}
