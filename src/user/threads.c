/* Guest threads are host threads: made by pthread_create, so that libc and
 * sanitizers know them, with a small stack of their own for our C code (the
 * guest's stack is the guest's business) and one for host signal handlers.
 *
 * The kernel's thread list counts the emulator's helper threads too, so the
 * end of the last guest thread must end the process explicitly, with that
 * thread's status, as kernels from 6.0 on do. */
#include "user/threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "locks/event.h"
#include "rcu/rcu.h"
#include "user/copy.h"
#include "user/copy_atomic.h"
#include "user/cpu_loop.h"
#include "user/host_syscall_asm.h"

#define HOST_THREAD_STACK (256UL << 10)
#define FUTEX_WAKE_OP     1 /* FUTEX_WAKE; shared, as the kernel does on exit */

_Thread_local struct user_thread *current_thread;

static atomic_uint ended_threads; /* those that have nothing more to do */
static atomic_uint live_threads;  /* changed by threads that come and go */

struct user_thread *user_thread_first(struct x86_cpu *cpu)
{
    struct user_thread *t = calloc(1, sizeof(*t));
    if (!t) {
        return NULL;
    }
    t->cpu = cpu;
    t->tid = gettid();
    cpu->env = t;
    current_thread = t;
    x86_cpu_attach(cpu);
    atomic_store_explicit(&live_threads, 1, memory_order_relaxed);
    signals_init(t);
    if (signals_init_thread(t, NULL) < 0) {
        free(t);
        current_thread = NULL;
        return NULL;
    }
    signals_apply_mask(t);
    return t;
}

void clone_child_registers(struct x86_cpu *cpu, const struct clone_request *rq)
{
    cpu->gpr[X86_RAX] = 0;
    if (rq->stack) {
        cpu->gpr[X86_RSP] = rq->stack;
    }
    if (rq->flags & CLONE_SETTLS) {
        cpu->fs_base = rq->tls;
    }
}

/* Stores a thread id where the guest wants it. A bad address is ignored, as
 * the kernel ignores it. */
static void store_tid(uint64_t addr, pid_t tid)
{
    int ignored = guest_store32(addr, (uint32_t)tid);
    (void)ignored;
}

/* Shared by creator and new thread until `started`. */
struct start {
    struct user_thread *thread;
    const struct clone_request *rq;
    const struct thread_signals *creator;
    struct event started;
    int result;
};

static void clear_tid(struct user_thread *t)
{
    if (t->clear_child_tid) {
        store_tid(t->clear_child_tid, 0);
        host_syscall(SYS_futex, t->clear_child_tid, FUTEX_WAKE_OP, 1, 0, 0, 0);
    }
}

/* The last one to leave ends the process. */
static void leave(int status)
{
    if (atomic_fetch_sub_explicit(&live_threads, 1, memory_order_acq_rel) > 1) {
        return;
    }
    user_before_exit();
    host_syscall(SYS_exit_group, (uint64_t)status, 0, 0, 0, 0, 0);
}

/* What is common to all threads' ends: the guest gets told, the CPU goes. */
static void end_thread(struct user_thread *t)
{
    signals_block_host(t);
    leave(t->signals.exit_status);
    if (robust_list_walk(t)) { /* nothing is left for the kernel to do */
        host_syscall(SYS_set_robust_list, 0, 3 * sizeof(uint64_t), 0, 0, 0, 0);
    }
    clear_tid(t);
    signals_end_thread(t);
    current_thread = NULL;
    x86_cpu_free(t->cpu);
    rcu_unregister_thread();
    atomic_fetch_add_explicit(&ended_threads, 1, memory_order_release);
}

void threads_forget_ended(void)
{
    /* Pairs with the release in end_thread: the guest learns of a thread's end
     * before we are done with it, and the child begins anew with what that
     * thread has used. */
    (void)atomic_load_explicit(&ended_threads, memory_order_acquire);
}

void user_thread_end_first(struct user_thread *t)
{
    end_thread(t);
    for (;;) {
        host_syscall(SYS_exit, (uint64_t)t->signals.exit_status, 0, 0, 0, 0, 0);
    }
}

/* On the new thread, before the creator goes on. */
static int begin_thread(struct start *start)
{
    struct user_thread *t = start->thread;
    const struct clone_request *rq = start->rq;

    t->tid = gettid();
    int r = signals_init_thread(t, start->creator);
    if (r < 0) {
        return r;
    }
    current_thread = t;
    x86_cpu_attach(t->cpu);
    if (rq->flags & CLONE_PARENT_SETTID) {
        store_tid(rq->parent_tid, t->tid);
    }
    if (rq->flags & CLONE_CHILD_SETTID) {
        store_tid(rq->child_tid, t->tid);
    }
    if (rq->flags & CLONE_CHILD_CLEARTID) {
        t->clear_child_tid = rq->child_tid;
    }
    return t->tid;
}

static void *thread_main(void *arg)
{
    struct start *start = arg;
    struct user_thread *t = start->thread;
    int r = begin_thread(start);

    start->result = r;
    event_set(&start->started); /* `start` may be gone from here on */
    if (r > 0) {
        signals_apply_mask(t);
        cpu_loop_run(t);
        end_thread(t);
        free(t);
    }
    return NULL;
}

static int start_host_thread(struct start *start)
{
    pthread_attr_t attr;
    pthread_t handle;
    if (pthread_attr_init(&attr) != 0) {
        return -EAGAIN;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, HOST_THREAD_STACK);
    int r = pthread_create(&handle, &attr, thread_main, start);
    pthread_attr_destroy(&attr);
    if (r != 0) {
        return -EAGAIN;
    }
    event_wait(&start->started);
    return start->result < 0 ? -EAGAIN : start->result;
}

int64_t threads_create(struct user_thread *t, const struct clone_request *rq)
{
    struct user_thread *child = calloc(1, sizeof(*child));
    struct x86_cpu *cpu = child ? x86_cpu_new(t->cpu) : NULL;
    if (!cpu) {
        free(child);
        return -EAGAIN;
    }
    child->cpu = cpu;
    cpu->env = child;
    clone_child_registers(cpu, rq);

    struct start start = {.thread = child, .rq = rq, .creator = &t->signals};
    event_init(&start.started);
    signals_block_host(t); /* the new thread starts with our mask */
    atomic_fetch_add_explicit(&live_threads, 1, memory_order_relaxed);
    int r = start_host_thread(&start);
    if (r < 0) {
        atomic_fetch_sub_explicit(&live_threads, 1, memory_order_relaxed);
        x86_cpu_free(cpu);
        free(child);
    }
    signals_apply_mask(t);
    return r;
}

void threads_after_fork_child(struct user_thread *t)
{
    t->tid = gettid();
    t->clear_child_tid = 0;
    t->robust_list = 0;
    atomic_store_explicit(&live_threads, 1, memory_order_relaxed);
}
