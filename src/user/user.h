/* Linux user mode, as its parts see each other: the guest's threads and the
 * way from a SYSCALL instruction to a handler.
 *
 * Guest addresses are host addresses. Guest memory is touched only through
 * user/copy.h, or by the kernel on the guest's behalf. */
#ifndef MORTISE_USER_USER_H
#define MORTISE_USER_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/signal.h"
#include "x86/engine.h"

/* A thread of the guest: one host thread, one CPU. Owned by its thread,
 * except for what struct thread_signals says. */
struct user_thread {
    struct x86_cpu *cpu; /* cpu->env points back */
    pid_t tid;           /* the host's, which is also what the guest sees */
    uint64_t clear_child_tid;
    uint64_t robust_list; /* what set_robust_list was told, 0: none */
    uint64_t rseq;        /* what rseq was told, 0: none */
    uint32_t rseq_size, rseq_sig;
    struct thread_signals signals;
    struct exec_lists *exec_lists; /* while the host executes; see sys_exec.c */
};

/* The guest thread that this host thread runs, or NULL. */
extern _Thread_local struct user_thread *current_thread;

/* What a system call handler returns: the guest's RAX, or one of these. */
#define USER_ERESTARTSYS    512  /* -512: run again after a signal with SA_RESTART, else EINTR */
#define USER_ERESTARTNOHAND 514  /* -514: run again only if no handler ran */
#define USER_SIGRETURN      4097 /* -4097: the registers are already as they shall be */

#define USER_SYSCALL_ARGS 6

/* A handler: number and arguments as the guest passed them. */
typedef int64_t user_syscall_fn(struct user_thread *t, const uint64_t a[USER_SYSCALL_ARGS]);

/* Runs one system call of the guest by the table (syscall_table.c). Not
 * inside, no lock held. */
int64_t user_syscall(struct user_thread *t, uint64_t nr, const uint64_t args[USER_SYSCALL_ARGS]);

/* Runs the guest thread until it ends: runs code, delivers signals, calls
 * user_syscall. The thread is attached (user_thread_start). */
_Noreturn void user_cpu_loop(struct user_thread *t);

/* Makes the first thread's struct around `cpu` and sets up host signal
 * handling. Before the guest's first instruction; once. (threads.c) */
struct user_thread *user_thread_first(struct x86_cpu *cpu);

/* A host system call that may block: a guest signal that is pending before
 * it or comes during it makes it return -EINTR or -USER_ERESTARTSYS, with
 * no window in which the wake-up is lost. Returns the kernel's value,
 * -errno on failure. (safe_syscall_asm.c) */
int64_t safe_syscall(uint64_t nr, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
                     uint64_t a6);

/* The memory side of fork, in the child (locks are as after
 * locks_after_fork_child, the engine has been told). (mm.c) */
void user_mm_after_fork_child(void);

/* execve: the new program starts with the guest's signal mask, and ignores
 * what the guest ignores, so the host must be brought to that state just
 * before; and back, when the host's execve has failed. (signal.c) */
void user_signals_before_exec(struct user_thread *t);
void user_signals_exec_failed(struct user_thread *t);

/* Ends the process as the guest asked: what must be printed at exit is
 * printed. (main.c) */
_Noreturn void user_exit_group(int status);

/* Called just before the process ends by whatever way (exit_group, death by
 * signal): prints statistics the options asked for. Idempotent. */
void user_before_exit(void);

#endif
