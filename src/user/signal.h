/* Signals of the guest.
 *
 * The kernel keeps the guest's signals: dispositions to ignore or to take the
 * default action are set on the host as they are, the guest's mask is the
 * thread's mask, and queueing, order and siginfo are the kernel's. What the
 * guest handles itself comes to a handler of ours (signal_host.c), which puts
 * it into the thread's queue, blocks further ones and makes the CPU loop
 * come round; the loop builds the guest's frame (signal_deliver.c).
 *
 * Exceptions: SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP, and signal 64 that
 * interrupts vCPUs, are always handled and never blocked on the host. Sent to
 * a guest that blocks them, they wait in the thread's queue. */
#ifndef MORTISE_USER_SIGNAL_H
#define MORTISE_USER_SIGNAL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "locks/mutex.h"

struct user_thread;

/* More of what a system call handler may return (see user.h). */
#define USER_ERESTARTNOINTR 513 /* -513: run again after whatever handler */

#define SIGNAL_MAX      64
#define SIGNAL_RT_FIRST 32 /* the kernel's SIGRTMIN; from here on signals queue */
#define SIGNAL_KICK     64 /* what the engine interrupts vCPUs with */

/* Signal sets are the kernel's: bit n - 1 is signal n. */
static inline uint64_t signal_bit(int sig)
{
    return 1ULL << (sig - 1);
}

#define SIGNAL_SYNC_SET                                                                            \
    (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGFPE) |          \
     signal_bit(SIGTRAP))
#define SIGNAL_ALWAYS_SET  (SIGNAL_SYNC_SET | signal_bit(SIGNAL_KICK))
#define SIGNAL_UNBLOCKABLE (signal_bit(SIGKILL) | signal_bit(SIGSTOP))

/* As rt_sigaction takes it: a value, copied out of and into signal_actions. */
struct OWNED_BY(who has the copy) guest_sigaction {
    uint64_t handler; /* SIG_DFL, SIG_IGN or an address */
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};

/* The dispositions, shared by a process's threads. */
struct signal_actions {
    struct mutex lock;
    struct guest_sigaction action[SIGNAL_MAX + 1] GUARDED_BY(&lock);
};

/* A signal that has reached the thread and waits for the CPU loop, or, one
 * of SIGNAL_ALWAYS_SET, until the guest no longer blocks it. */
struct queued_signal {
    atomic_int sig; /* 0: free. Set last by the handler, cleared last by the loop */
    unsigned seq;
    siginfo_t info;
};

#define SIGNAL_QUEUE 32

/* All of it belongs to the thread; its host signal handlers, which run on the
 * same thread, write queue, pending, throttled and the fault. */
struct thread_signals {
    uint64_t mask;       /* what the guest blocks */
    uint64_t saved_mask; /* rt_sigsuspend and the like: what comes back after the handler */
    bool restore_mask;

    uint64_t alt_sp, alt_size; /* sigaltstack */
    uint32_t alt_flags;

    struct signal_actions *actions;

    atomic_bool pending;   /* the queue is to be looked at; safe_syscall reads it */
    atomic_bool throttled; /* the host blocks everything until the queue has been looked at */
    unsigned next_seq;
    struct queued_signal queue[SIGNAL_QUEUE];

    siginfo_t fault;           /* X86_EXIT_FAULT: what it was */
    uint64_t trapno, err, cr2; /* of the last fault */

    int restart;         /* a USER_ERESTART code to decide on, or 0 */
    uint64_t restart_nr; /* of the system call that returned it */

    bool ended; /* the thread's `exit` */
    int exit_status;
    bool vfork_child;

    uint64_t odd_pc;    /* where something like a fault of our own code was last */
    unsigned odd_count; /* how often since the last system call; see signal_host.c */

    void *host_stack; /* what host handlers run on */
};

/* Host handlers, and the guest's dispositions and mask as inherited. Once. */
void signals_init(struct user_thread *t);

/* A thread's own: its host handler stack, on the calling thread. `from` is
 * the creator's (mask and dispositions are inherited). */
NODISCARD int signals_init_thread(struct user_thread *t, const struct thread_signals *from);
void signals_end_thread(struct user_thread *t);

/* Nothing but faults and kicks reaches the thread until signals_apply_mask. */
void signals_block_host(struct user_thread *t);

/* Makes the guest's mask the host's, and looks whether the queue has
 * something that the mask lets through now. */
void signals_apply_mask(struct user_thread *t);

/* Sets the guest's mask, host and all. -USER_ERESTARTNOINTR if a signal that
 * the old mask allowed came first: nothing is changed then. */
NODISCARD int signals_set_mask(struct user_thread *t, uint64_t mask);

/* A queued signal that the mask lets through: the lowest number, then the
 * oldest; NULL: none. */
struct queued_signal *signals_next(struct thread_signals *s, uint64_t mask);

/* Delivers what is queued and decides on restarting a system call. By the
 * CPU loop, outside of guest code, when `pending` or `restart` is set. */
void signals_deliver(struct user_thread *t);

/* A fault at the guest's current instruction; trapno, err and cr2 are set. */
void signals_force(struct user_thread *t, const siginfo_t *info);

/* Ends the process by the signal's default action. It does not return; that
 * is not declared, because ASan then looks at the whole stack, which it does
 * not know in a vfork child. */
void signals_die(struct user_thread *t, int sig);

/* Makes the lock of a table of dispositions. */
void signals_init_actions(struct signal_actions *actions);

/* The disposition on the host that serves the guest's. */
void signals_set_host_action(int sig, const struct guest_sigaction *act);

/* Bytes that the kernel's largest signal frame takes: AT_MINSIGSTKSZ. */
size_t signal_min_stack(void);

#endif
