/* The life of a guest thread: run guest code until it needs something, do
 * that, deliver signals, go on. What this does between two runs is what the
 * kernel does for a native program between an entry from user mode and the
 * return to it. */
#include "user/cpu_loop.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "user/mm.h"
#include "user/vsyscall.h"

#define TRAP_DB 1
#define TRAP_BP 3
#define TRAP_UD 6
#define TRAP_GP 13
#define TRAP_PF 14

#define PF_PRESENT 1u
#define PF_USER    4u
#define PF_FETCH   16u

#define USER_END 0x7ffffffff000ULL /* no user mapping at or above it */

static void fault(struct user_thread *t, int sig, int code, uint64_t addr, uint64_t trapno,
                  uint64_t err)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = code;
    info.si_addr = (void *)(uintptr_t)addr;
    t->signals.trapno = trapno;
    t->signals.err = err;
    signals_force(t, &info);
}

static bool is_canonical(uint64_t addr)
{
    return (uint64_t)((int64_t)(addr << 16) >> 16) == addr;
}

/* The guest's pc leads to something that isn't code. */
static void fetch_fault(struct user_thread *t, uint64_t addr)
{
    if (!is_canonical(addr)) {
        fault(t, SIGSEGV, SI_KERNEL, 0, TRAP_GP, 0);
        return;
    }
    mmap_lock();
    bool mapped = vma_find(&guest_vmas, addr) != NULL;
    mmap_unlock();
    bool present = mapped || addr >= USER_END; /* the kernel's half says nothing about itself */
    t->signals.cr2 = addr;
    fault(t, SIGSEGV, mapped ? SEGV_ACCERR : SEGV_MAPERR, addr, TRAP_PF,
          PF_USER | PF_FETCH | (present ? PF_PRESENT : 0));
}

/* The guest touched memory of the emulator (the guard below its stack, the
 * code cache): to the guest nothing is mapped there. */
static void hide_emulator_memory(struct thread_signals *s)
{
    if (s->fault.si_signo != SIGSEGV || s->fault.si_code != SEGV_ACCERR) {
        return;
    }
    mmap_lock();
    bool mapped = vma_find(&guest_vmas, (uint64_t)(uintptr_t)s->fault.si_addr) != NULL;
    mmap_unlock();
    if (!mapped) {
        s->fault.si_code = SEGV_MAPERR;
        s->err &= ~(uint64_t)PF_PRESENT;
    }
}

static void do_syscall(struct user_thread *t)
{
    struct x86_cpu *cpu = t->cpu;
    uint64_t nr = cpu->gpr[X86_RAX];
    const uint64_t args[USER_SYSCALL_ARGS] = {
        cpu->gpr[X86_RDI], cpu->gpr[X86_RSI], cpu->gpr[X86_RDX],
        cpu->gpr[X86_R10], cpu->gpr[X86_R8],  cpu->gpr[X86_R9],
    };

    t->signals.odd_count = 0;
    cpu->gpr[X86_RCX] = cpu->rip;
    cpu->gpr[X86_R11] = cpu->rflags;
    int64_t r = user_syscall(t, nr, args);
    if (r == -USER_SIGRETURN) {
        return;
    }
    cpu->gpr[X86_RAX] = (uint64_t)r;
    if (r == -USER_ERESTARTSYS || r == -USER_ERESTARTNOINTR || r == -USER_ERESTARTNOHAND) {
        t->signals.restart = (int)-r;
        t->signals.restart_nr = nr;
    }
}

static void handle_exit(struct user_thread *t, enum x86_exit why)
{
    struct x86_cpu *cpu = t->cpu;
    switch (why) {
    case X86_EXIT_SYSCALL:
        do_syscall(t);
        break;
    case X86_EXIT_INTERRUPT:
        break;
    case X86_EXIT_FAULT:
        hide_emulator_memory(&t->signals);
        signals_force(t, &t->signals.fault);
        break;
    case X86_EXIT_NOCODE:
        if (!vsyscall_run(t)) {
            fetch_fault(t, cpu->fault_addr);
        }
        break;
    case X86_EXIT_ILLEGAL:
        fault(t, SIGILL, ILL_ILLOPN, cpu->rip, TRAP_UD, 0);
        break;
    case X86_EXIT_PRIVILEGED:
        fault(t, SIGSEGV, SI_KERNEL, 0, TRAP_GP, 0);
        break;
    case X86_EXIT_INT3:
        fault(t, SIGTRAP, SI_KERNEL, 0, TRAP_BP, 0);
        break;
    case X86_EXIT_STEP:
        fault(t, SIGTRAP, TRAP_TRACE, cpu->rip, TRAP_DB, 0);
        break;
    case X86_EXIT_INT80:
        /* As on a kernel without the 32-bit system calls. */
        if (log_on(LOG_UNIMP)) {
            log_printf("int 0x80 at 0x%llx: 32-bit system calls are not supported\n",
                       (unsigned long long)cpu->rip - 2);
        }
        cpu->rip -= 2;
        fault(t, SIGSEGV, SI_KERNEL, 0, TRAP_GP, 0x80 * 8 + 2);
        break;
    }
}

static bool has_signal_work(const struct thread_signals *s)
{
    return atomic_load_explicit(&s->pending, memory_order_relaxed) || s->restart ||
           s->restore_mask || atomic_load_explicit(&s->throttled, memory_order_relaxed);
}

void cpu_loop_run(struct user_thread *t)
{
    while (!t->signals.ended) {
        handle_exit(t, x86_cpu_exec(t->cpu));
        if (!t->signals.ended && has_signal_work(&t->signals)) {
            signals_deliver(t);
        }
    }
}

void user_cpu_loop(struct user_thread *t)
{
    cpu_loop_run(t);
    user_thread_end_first(t);
}
