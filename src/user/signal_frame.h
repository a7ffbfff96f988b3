/* The signal frame as it lies on the guest's stack: Linux's rt_sigframe for
 * x86-64 (arch/x86/include/asm/sigframe.h, uapi/asm/sigcontext.h, ucontext.h). */
#ifndef MORTISE_USER_SIGNAL_FRAME_H
#define MORTISE_USER_SIGNAL_FRAME_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct guest_sigcontext {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    uint64_t fpstate;
    uint64_t reserved[8];
};

struct guest_stack {
    uint64_t sp;
    uint32_t flags, pad;
    uint64_t size;
};

struct guest_ucontext {
    uint64_t flags, link;
    struct guest_stack stack;
    struct guest_sigcontext mcontext;
    uint64_t sigmask;
};

struct guest_rt_sigframe {
    uint64_t return_address;
    struct guest_ucontext uc;
    siginfo_t info;
};

_Static_assert(sizeof(struct guest_ucontext) == 304, "the kernel's size");
_Static_assert(sizeof(struct guest_rt_sigframe) == 440, "the kernel's size");

#define GUEST_UC_FP_XSTATE         1u
#define GUEST_UC_SIGCONTEXT_SS     2u
#define GUEST_UC_STRICT_RESTORE_SS 4u

#define GUEST_CS 0x33u
#define GUEST_SS 0x2bu

/* sigaltstack(2) for the guest (signal_stack.c). `sp` is the guest's stack
 * pointer: the stack in use cannot be changed. */
struct thread_signals;
NODISCARD int signal_stack_set(struct thread_signals *s, const struct guest_stack *new,
                               uint64_t sp);
void signal_stack_get(const struct thread_signals *s, struct guest_stack *old, uint64_t sp);

/* Whether sp lies in the alternate stack, and whether, further, it counts. */
bool signal_stack_contains(const struct thread_signals *s, uint64_t sp);
bool signal_stack_active(const struct thread_signals *s, uint64_t sp);

/* What SS_AUTODISARM does when a handler is entered. */
void signal_stack_disarm(struct thread_signals *s);

/* The floating-point and vector part of a frame (signal_xstate.c). Its size
 * includes the marker behind it. */
struct user_thread;
size_t signal_xstate_size(void);

/* Writes the CPU's state to guest memory: 0 or -EFAULT. */
NODISCARD int signal_xstate_save(struct user_thread *t, uint64_t addr);

/* Initial state, for a handler to start with. */
void signal_xstate_reset(struct user_thread *t);

/* Takes the state from guest memory: 0, or -EFAULT if it cannot be read or
 * the processor would refuse it. */
NODISCARD int signal_xstate_restore(struct user_thread *t, uint64_t addr);

#endif
