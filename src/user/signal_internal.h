/* Between the parts of signal handling. */
#ifndef MORTISE_USER_SIGNAL_INTERNAL_H
#define MORTISE_USER_SIGNAL_INTERNAL_H

#include <ucontext.h>

#include "base/tsan.h"
#include "user/user.h"

/* TSan's run time is not re-entrant: what runs in host handlers stays out of
 * it as far as it is ours. */
#define SIGNAL_HANDLER_CODE TSAN_SIGNAL_CODE

/* The sigaction structure of the system call. */
struct host_sigaction {
    uintptr_t handler;
    uint64_t flags;
    uintptr_t restorer;
    uint64_t mask;
};

/* rt_sigaction on the host, past libc and sanitizers. */
int host_sigaction(int sig, const struct host_sigaction *act, struct host_sigaction *old);
void host_sigmask(int how, const uint64_t *set, uint64_t *old);

/* The restorer of our handlers: calls rt_sigreturn. (signal_host_asm.c) */
void host_signal_restorer(void);

/* Our handlers for SIGNAL_ALWAYS_SET. */
void signals_install_always(void);

/* Our handlers (signal_host.c), and what the kernel enters them by
 * (signal_host_asm.c). */
void host_signal_guest_entry(int sig, siginfo_t *info, void *context);
void host_signal_fault_entry(int sig, siginfo_t *info, void *context);
void host_signal_kick_entry(int sig, siginfo_t *info, void *context);
void host_signal_guest(int sig, siginfo_t *info, void *context);
void host_signal_fault(int sig, siginfo_t *info, void *context);
void host_signal_kick(int sig, siginfo_t *info, void *context);

/* Puts a signal that has arrived into the queue. From a handler. */
void signals_enqueue(struct thread_signals *s, int sig, const siginfo_t *info);

/* A context in a safe system call whose kernel part has not begun or is to
 * be begun anew: changes it so that the call returns at once. */
bool safe_syscall_interrupt(ucontext_t *uc);
/* The kernel's EINTR was because of a kick: the call is to be made again. */
bool safe_syscall_kicked(ucontext_t *uc);

/* Whether a fault is user/copy.h's; `apply`: continues there with -EFAULT. */
bool copy_fixup(ucontext_t *uc, bool apply);

/* A signal 64 that comes by tkill is the engine's kick. The guest's own tkill
 * of it is sent as a queued signal with this value. */
#define SIGNAL_TKILL_MARK ((uintptr_t)0x6d6f727469736536)

/* If it is such a one, gives it the look of what the guest has sent. */
static inline void signal_unmark(siginfo_t *info)
{
    if (info->si_code == SI_QUEUE && (uintptr_t)info->si_ptr == SIGNAL_TKILL_MARK) {
        info->si_code = SI_TKILL;
        info->si_ptr = NULL;
    }
}

/* Frames (signal_frame.c). signal_frame_push makes the guest enter the
 * handler; -EFAULT: the stack cannot take it. signal_frame_pop undoes it,
 * and -EFAULT means a bad frame. */
NODISCARD int signal_frame_push(struct user_thread *t, const siginfo_t *info,
                                const struct guest_sigaction *act, uint64_t old_mask);
NODISCARD int signal_frame_pop(struct user_thread *t);

#endif
