/* Work that one thread gives to a vCPU's thread, and the sleep of a vCPU that
 * has none.
 *
 * The queue is a lock-free stack, pushed by anybody and taken whole by the
 * vCPU's thread, which turns it round, so that work runs in the order of the
 * pushes. Producers push and then set CPU_EXIT_WORK; the vCPU clears the bit
 * and then takes the stack: work pushed too late to be taken leaves the bit
 * set.
 *
 * Work that has been taken waits on cpu->work_ready. A function that runs from
 * there may wait in run_on_cpu, which goes on with the same list; so two
 * vCPUs that wait for each other both get on, and order is kept.
 *
 * analysis/models/halt_kick.pml checks that no kick is lost, on a vCPU that
 * sleeps, runs or waits, and that nobody touches what is gone by then. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/tsan.h"
#include "exec/cpu_internal.h"
#include "exec/exclusive.h"
#include "locks/bql.h"
#include "rcu/rcu.h"

/* Who waits in run_on_cpu. A vCPU waits by cpu_halt_wait, so that work for it
 * ends the wait too; another thread on `event`. */
struct waiter {
    struct cpu *cpu; /* NULL: no vCPU's thread */
    atomic_bool done;
    struct event event;
};

struct cpu_work {
    ck_stack_entry_t link;                                      /* on cpu->work */
    struct cpu_work *next OWNED_BY(the vCPU that has taken it); /* on cpu->work_ready */
    run_on_cpu_fn *fn;
    void *opaque;
    bool exclusive;
    struct waiter *waiter; /* not NULL: the struct lies on the waiter's stack */
};

CK_STACK_CONTAINER(struct cpu_work, link, work_of)

/* From the push on, the work may have run, and the vCPU may be gone but for
 * the read section. */
static void push(struct cpu *cpu, struct cpu_work *work)
{
    rcu_read_lock();
    /* TSan does not see ck's inline assembly, which orders the write of the
     * entry's link, inside, before the one that publishes the entry. */
    tsan_release(cpu);
    tsan_ignore_writes_begin();
    ck_stack_push_upmc(&cpu->work, &work->link);
    tsan_ignore_writes_end();
    cpu_kick_found(cpu, CPU_EXIT_WORK);
    rcu_read_unlock();
}

static int push_new(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque, bool exclusive)
{
    struct cpu_work *work = malloc(sizeof(*work));

    if (!work) {
        return -ENOMEM;
    }
    *work = (struct cpu_work){.fn = fn, .opaque = opaque, .exclusive = exclusive};
    push(cpu, work);
    return 0;
}

int async_run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
{
    return push_new(cpu, fn, opaque, false);
}

int async_safe_run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
{
    return push_new(cpu, fn, opaque, true);
}

/* The work is done. From the store on, the waiter's stack may be gone, and
 * the waiter's vCPU too but for the read section. */
static void wake_waiter(struct waiter *waiter)
{
    struct cpu *cpu = waiter->cpu;

    if (!cpu) {
        event_set(&waiter->event);
        return;
    }
    rcu_read_lock();
    /* Pairs with the acquire in run_on_cpu. */
    atomic_store_explicit(&waiter->done, true, memory_order_release);
    cpu_kick_found(cpu, CPU_EXIT_WORK);
    rcu_read_unlock();
}

static void run_one(struct cpu *cpu, struct cpu_work *work)
{
    struct waiter *waiter = work->waiter;

    if (work->exclusive) {
        start_exclusive();
        work->fn(cpu, work->opaque);
        end_exclusive();
    } else {
        work->fn(cpu, work->opaque);
    }
    if (waiter) {
        wake_waiter(waiter);
    } else {
        free(work);
    }
}

/* Moves what has been pushed to the end of work_ready, oldest first. */
static void take_pushed(struct cpu *cpu)
{
    struct cpu_work *batch = NULL;
    struct cpu_work **end = &cpu->work_ready;
    ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&cpu->work);

    tsan_acquire(cpu);
    while (entry) {
        struct cpu_work *work = work_of(entry);

        entry = entry->next;
        work->next = batch;
        batch = work;
    }
    while (*end) {
        end = &(*end)->next;
    }
    *end = batch;
}

void cpu_process_work(struct cpu *cpu)
{
    /* acquire: pairs with the release in cpu_kick, which comes after a push. */
    atomic_fetch_and_explicit(&cpu->exit_request, ~(unsigned)CPU_EXIT_WORK, memory_order_acq_rel);
    take_pushed(cpu);
    while (cpu->work_ready) {
        struct cpu_work *work = cpu->work_ready;

        cpu->work_ready = work->next;
        run_one(cpu, work);
    }
}

void cpu_work_finish(struct cpu *cpu)
{
    do {
        cpu_process_work(cpu);
    } while (!CK_STACK_ISEMPTY(&cpu->work));
}

void cpu_work_drop(struct cpu *cpu)
{
    ck_stack_init(&cpu->work);
    cpu->work_ready = NULL;
}

/* Sleeps until a kick, unless one of the bits is set. A kick sets bits and then
 * the event; event.h says why one of the two is seen. */
static void sleep_unless(struct cpu *self, unsigned bits)
{
    event_reset(&self->wake);
    if (!(atomic_load_explicit(&self->exit_request, memory_order_acquire) & bits)) {
        event_wait(&self->wake);
    }
}

void cpu_halt_wait(struct cpu *cpu)
{
    sleep_unless(cpu, ~0U);
}

void cpu_halt_wait_for(struct cpu *cpu, uint64_t ns)
{
    struct timespec now;

    event_reset(&cpu->wake);
    if (!atomic_load_explicit(&cpu->exit_request, memory_order_acquire)) {
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        (void)event_timedwait(&cpu->wake,
                              (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + ns);
    }
}

static void wait_as_cpu(struct cpu *self, struct waiter *waiter)
{
    /* Pairs with the release in wake_waiter. */
    while (!atomic_load_explicit(&waiter->done, memory_order_acquire)) {
        cpu_process_work(self);
        if (!atomic_load_explicit(&waiter->done, memory_order_acquire)) {
            sleep_unless(self, CPU_EXIT_WORK);
        }
    }
}

int run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
{
    if (cpu == current_cpu) {
        fn(cpu, opaque);
        return 0;
    }
    struct waiter waiter = {.cpu = current_cpu};
    struct cpu_work work = {.fn = fn, .opaque = opaque, .waiter = &waiter};

    event_init(&waiter.event);
    push(cpu, &work);
    if (waiter.cpu) {
        wait_as_cpu(waiter.cpu, &waiter);
    } else {
        event_wait(&waiter.event);
    }
    return 0;
}

int run_on_cpu_bql(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
{
    bql_unlock();
    int ret = run_on_cpu(cpu, fn, opaque);
    bql_lock();
    return ret;
}
