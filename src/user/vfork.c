/* vfork, and what posix_spawn makes of clone: the child runs in the parent's
 * memory while the parent's thread waits for its exit or execve. It has to be
 * real: the child reports a failed execve through that memory.
 *
 * The waiting thread lends everything it has to the child: its CPU, its
 * struct user_thread, its thread-local storage. Only the C stack is another.
 * When the child is gone the parent takes all of it back as it was. Locks are
 * in shared memory, so the child takes part in them like a thread. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/exclusive.h"
#include "exec/tb.h"
#include "user/cpu_loop.h"
#include "user/host_syscall_asm.h"
#include "user/sys_exec.h"
#include "user/threads.h"
#include "user/vfork_asm.h"

#define CHILD_STACK     (256UL << 10)
#define STACK_AND_GUARD (CHILD_STACK + GUEST_PAGE_SIZE)

/* What the parent takes back. */
struct lent {
    struct user_thread thread;
    uint64_t gpr[X86_GPRS];
    uint64_t rip, rflags, fs_base, gs_base;
    int host_tid;
    void *xsave;
};

struct child_start {
    struct user_thread *thread;
    const struct clone_request *rq;
    struct signal_actions actions;
};

static int lend(const struct user_thread *t, struct lent *lent)
{
    const struct x86_cpu *cpu = t->cpu;
    lent->xsave = malloc(x86_xsave_size());
    if (!lent->xsave) {
        return -ENOMEM;
    }
    memcpy(lent->xsave, cpu->xsave, x86_xsave_size());
    memcpy(lent->gpr, cpu->gpr, sizeof(lent->gpr));
    lent->thread = *t;
    lent->rip = cpu->rip;
    lent->rflags = cpu->rflags;
    lent->fs_base = cpu->fs_base;
    lent->gs_base = cpu->gs_base;
    lent->host_tid = atomic_load_explicit(&cpu->cpu.host_tid, memory_order_relaxed);
    return 0;
}

/* The child was killed in guest code, inside and in a read section. */
static void leave_for_child(struct cpu *cpu) NO_LOCK_ANALYSIS
{
    cpu_exec_end(cpu);
}

static void take_back(struct user_thread *t, struct lent *lent)
{
    struct x86_cpu *cpu = t->cpu;
    if (atomic_load_explicit(&cpu->cpu.inside, memory_order_relaxed)) {
        leave_for_child(&cpu->cpu);
    }
    memcpy(cpu->xsave, lent->xsave, x86_xsave_size());
    memcpy(cpu->gpr, lent->gpr, sizeof(lent->gpr));
    cpu->rip = lent->rip;
    cpu->rflags = lent->rflags;
    cpu->fs_base = lent->fs_base;
    cpu->gs_base = lent->gs_base;
    cpu->insns_limit = 0;
    atomic_store_explicit(&cpu->cpu.host_tid, lent->host_tid, memory_order_relaxed);
    exec_free_abandoned(t);
    *t = lent->thread;
    current_thread = t;
    /* A signal that was on its way to the child when it ended. */
    atomic_fetch_and_explicit(&cpu->cpu.exit_request, ~(unsigned)CPU_EXIT_SIGNAL,
                              memory_order_relaxed);
    free(lent->xsave);
}

/* Natively each process has its own dispositions; a change in the child must
 * not be the parent's. */
static void copy_actions(struct signal_actions *to, struct signal_actions *from)
{
    mutex_lock(&from->lock);
    struct guest_sigaction copy[SIGNAL_MAX + 1];
    memcpy(copy, from->action, sizeof(copy));
    mutex_unlock(&from->lock);
    signals_init_actions(to);
    mutex_lock(&to->lock);
    memcpy(to->action, copy, sizeof(copy));
    mutex_unlock(&to->lock);
}

static void child_main(void *arg)
{
    struct child_start *start = arg;
    struct user_thread *t = start->thread;
    struct thread_signals *s = &t->signals;

    t->tid = gettid();
    t->clear_child_tid = 0; /* the kernel has been told */
    t->robust_list = 0;
    s->vfork_child = true;
    s->ended = false;
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        atomic_store_explicit(&s->queue[i].sig, 0, memory_order_relaxed);
    }
    if (!(start->rq->flags & CLONE_SIGHAND)) {
        s->actions = &start->actions;
    }
    clone_child_registers(t->cpu, start->rq);
    x86_cpu_attach(t->cpu);
    signals_apply_mask(t);
    cpu_loop_run(t);
    for (;;) {
        host_syscall(SYS_exit_group, (uint64_t)s->exit_status, 0, 0, 0, 0, 0);
    }
}

static int64_t run_child(struct user_thread *t, const struct clone_request *rq, char *stack)
{
    /* Out of reach of the child's use of the parent's stack: on the heap. */
    struct child_start *start = malloc(sizeof(*start));
    if (!start) {
        return -EAGAIN;
    }
    start->thread = t;
    start->rq = rq;
    copy_actions(&start->actions, t->signals.actions);
    uint64_t flags = (rq->flags & ~(uint64_t)CLONE_SETTLS) | (uint64_t)rq->exit_signal;
    uint64_t parent_word = rq->flags & CLONE_PIDFD ? rq->pidfd : rq->parent_tid;
    int64_t pid =
        vfork_clone(flags, stack + STACK_AND_GUARD, parent_word, rq->child_tid, child_main, start);
    free(start);
    return pid;
}

int64_t vfork_process(struct user_thread *t, const struct clone_request *rq)
{
    struct lent *lent = malloc(sizeof(*lent));
    char *stack =
        mmap(NULL, STACK_AND_GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int64_t pid = -EAGAIN;

    signals_block_host(t);
    if (signals_next(&t->signals, t->signals.mask)) {
        pid = -USER_ERESTARTNOINTR;
    } else if (lent && stack != MAP_FAILED && mprotect(stack, GUEST_PAGE_SIZE, PROT_NONE) == 0 &&
               lend(t, lent) == 0) {
        pid = run_child(t, rq, stack);
        take_back(t, lent);
    }
    if (stack != MAP_FAILED) {
        munmap(stack, STACK_AND_GUARD);
    }
    free(lent);
    signals_apply_mask(t);
    return pid;
}
