/* System calls that may block, without the race between "no signal is
 * pending" and the kernel going to sleep.
 *
 * The code from `start` on looks at the thread's pending flag and then enters
 * the kernel. A host signal handler that finds the thread between `start` and
 * `insn` has come too late for the look and too early for the kernel to
 * notice: it moves the thread to `pending` (before the call: it can be made
 * again whatever the handler's flags) or to `restart` (at the instruction:
 * the kernel has wound it back because it can be restarted, or is about to
 * begin). Once past `insn`, the result is the kernel's. */
#include "user/signal_internal.h"

#include <errno.h>
#include <sys/syscall.h>

int64_t safe_syscall_run(const atomic_bool *pending, uint64_t nr, uint64_t a1, uint64_t a2,
                         uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6);

extern const char safe_syscall_start[], safe_syscall_insn[], safe_syscall_end[];
extern const char safe_syscall_pending[], safe_syscall_restart[];

__asm__(".text\n"
        ".globl safe_syscall_run, safe_syscall_start, safe_syscall_insn, safe_syscall_end\n"
        ".globl safe_syscall_pending, safe_syscall_restart\n"
        ".hidden safe_syscall_run, safe_syscall_start, safe_syscall_insn, safe_syscall_end\n"
        ".hidden safe_syscall_pending, safe_syscall_restart\n"
        ".type safe_syscall_run, @function\n"
        "safe_syscall_run:\n"
        "	.cfi_startproc\n"
        "	mov	%rdi, %r11\n"
        "	mov	%rsi, %rax\n"
        "	mov	%rdx, %rdi\n"
        "	mov	%rcx, %rsi\n"
        "	mov	%r8, %rdx\n"
        "	mov	%r9, %r10\n"
        "	mov	8(%rsp), %r8\n"
        "	mov	16(%rsp), %r9\n"
        "safe_syscall_start:\n"
        "	cmpb	$0, (%r11)\n"
        "	jne	safe_syscall_pending\n"
        "safe_syscall_insn:\n"
        "	syscall\n"
        "safe_syscall_end:\n"
        "	ret\n"
        "safe_syscall_pending:\n"
        "	mov	$-513, %rax\n"
        "	ret\n"
        "safe_syscall_restart:\n"
        "	mov	$-512, %rax\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size safe_syscall_run, . - safe_syscall_run\n");

_Static_assert(USER_ERESTARTSYS == 512 && USER_ERESTARTNOINTR == 513, "as in the code above");

int64_t safe_syscall(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                     uint64_t a6)
{
    return safe_syscall_run(&current_thread->signals.pending, nr, a1, a2, a3, a4, a5, a6);
}

SIGNAL_HANDLER_CODE bool safe_syscall_interrupt(ucontext_t *uc)
{
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    if (pc < (uintptr_t)safe_syscall_start || pc > (uintptr_t)safe_syscall_insn) {
        return false;
    }
    if (pc < (uintptr_t)safe_syscall_insn) {
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)safe_syscall_pending;
    } else if (uc->uc_mcontext.gregs[REG_RAX] == SYS_restart_syscall) {
        /* stopped and continued in the middle, then this signal */
        uc->uc_mcontext.gregs[REG_RAX] = -EINTR;
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)safe_syscall_end;
    } else {
        uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)safe_syscall_restart;
    }
    return true;
}

SIGNAL_HANDLER_CODE bool safe_syscall_kicked(ucontext_t *uc)
{
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    if (pc != (uintptr_t)safe_syscall_end || uc->uc_mcontext.gregs[REG_RAX] != -EINTR) {
        return false;
    }
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)safe_syscall_pending;
    return true;
}
