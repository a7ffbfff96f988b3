/* Exclusive sections.
 *
 * State: `pending` is true from the start to the end of a section;
 * cpu->inside says that the vCPU may be running guest code; cpu->awaited that
 * the section's owner has seen it inside and it has not left since, and
 * `awaiting` counts those. All but `inside` change under exclusive_mutex only.
 *
 * Claim 1: while the owner is in its section nobody is inside. The owner
 * stores pending = true and then reads each `inside`; a vCPU that enters
 * stores inside = true and then reads `pending`. All are sequentially
 * consistent, so at least one sees the other. If the vCPU sees `pending`, it
 * steps back and waits for the end of the section under the mutex, under
 * which it also goes inside after that, so no new section can begin
 * unnoticed. If it doesn't, the owner sees `inside` and waits for it.
 *
 * Claim 2: the owner's wait ends. It waits for vCPUs that it saw inside and
 * kicked after that. Each leaves: it stores inside = false and then reads
 * `pending`. Either it sees true and reports under the mutex; as the owner
 * looks at all vCPUs in one critical section, the report comes after the look
 * and finds `awaited` set. Or it sees false; then the owner's store comes
 * later, and so does its look, which finds the vCPU outside. The kick is not
 * lost on a vCPU that enters: CPU_EXIT_EXCLUSIVE is cleared before `inside` is
 * set, hence before the owner's look that led to the kick.
 *
 * Claim 3: everybody gets on. A section's end wakes all who wait to enter and
 * all who wait to begin one; none of them holds anything the others need.
 *
 * The vCPU list is read under RCU: one that is added after the look is not
 * inside yet and falls under claim 1; one that is removed is not inside.
 *
 * analysis/models/exclusive.pml checks claims 1 and 2. */
#include "exec/exclusive.h"

#include <assert.h>

#include "exec/cpu_internal.h"
#include "locks/cond.h"
#include "rcu/rcu.h"

LOCK_CLASS_DEFINE(exclusive_class, RANK_LEAF);
struct mutex exclusive_mutex = MUTEX_INIT(&exclusive_class);

static struct cond left = COND_INIT;  /* awaiting has become 0 */
static struct cond ended = COND_INIT; /* pending has become false */

static atomic_bool pending WRITE_GUARDED_BY(&exclusive_mutex); /* read by vCPUs */
static unsigned awaiting GUARDED_BY(exclusive_mutex);

void exclusive_init_cpu(struct cpu *cpu)
{
    mutex_lock(&exclusive_mutex);
    cpu->awaited = false;
    mutex_unlock(&exclusive_mutex);
}

void exclusive_after_fork(void)
{
    mutex_init(&exclusive_mutex, &exclusive_class);
    cond_init(&left);
    cond_init(&ended);
    mutex_lock(&exclusive_mutex);
    awaiting = 0;
    atomic_store_explicit(&pending, false, memory_order_relaxed);
    mutex_unlock(&exclusive_mutex);
}

/* The vCPU is outside; if a section waits for that, it waits no longer. */
static void report_outside(struct cpu *cpu) REQUIRES(exclusive_mutex)
{
    if (cpu->awaited) {
        cpu->awaited = false;
        if (--awaiting == 0) {
            cond_signal(&left);
        }
    }
}

/* A section was pending when the vCPU entered. */
static void enter_after_section(struct cpu *cpu)
{
    mutex_lock(&exclusive_mutex);
    atomic_store_explicit(&cpu->inside, false, memory_order_seq_cst);
    report_outside(cpu);
    while (atomic_load_explicit(&pending, memory_order_relaxed)) {
        cond_wait(&ended, &exclusive_mutex);
    }
    atomic_fetch_and_explicit(&cpu->exit_request, ~(unsigned)CPU_EXIT_EXCLUSIVE,
                              memory_order_acq_rel);
    atomic_store_explicit(&cpu->inside, true, memory_order_seq_cst);
    mutex_unlock(&exclusive_mutex);
}

void cpu_exec_start(struct cpu *cpu)
{
    const unsigned once = CPU_EXIT_EXCLUSIVE | CPU_EXIT_RCU;

    /* What these bits ask for, to be outside for a moment, is the case. */
    if (atomic_load_explicit(&cpu->exit_request, memory_order_relaxed) & once) {
        atomic_fetch_and_explicit(&cpu->exit_request, ~once, memory_order_acq_rel);
    }
    atomic_store_explicit(&cpu->inside, true, memory_order_seq_cst);
    if (__builtin_expect(atomic_load_explicit(&pending, memory_order_seq_cst), 0)) {
        enter_after_section(cpu);
    }
    rcu_read_lock();
}

void cpu_exec_end(struct cpu *cpu)
{
    rcu_read_unlock();
    atomic_store_explicit(&cpu->inside, false, memory_order_seq_cst);
    if (__builtin_expect(atomic_load_explicit(&pending, memory_order_seq_cst), 0)) {
        mutex_lock(&exclusive_mutex);
        report_outside(cpu);
        mutex_unlock(&exclusive_mutex);
    }
}

static void await_if_inside(struct cpu *cpu, void *opaque) REQUIRES(exclusive_mutex)
{
    (void)opaque;
    if (atomic_load_explicit(&cpu->inside, memory_order_seq_cst)) {
        cpu->awaited = true;
        awaiting++;
        cpu_kick(cpu, CPU_EXIT_EXCLUSIVE);
    }
}

void start_exclusive(void)
{
    mutex_lock(&exclusive_mutex);
    while (atomic_load_explicit(&pending, memory_order_relaxed)) {
        cond_wait(&ended, &exclusive_mutex);
    }
    atomic_store_explicit(&pending, true, memory_order_seq_cst);
    assert(awaiting == 0);
    cpu_for_each(await_if_inside, NULL);
    while (awaiting > 0) {
        cond_wait(&left, &exclusive_mutex);
    }
    mutex_unlock(&exclusive_mutex);
}

void end_exclusive(void)
{
    mutex_lock(&exclusive_mutex);
    atomic_store_explicit(&pending, false, memory_order_seq_cst);
    cond_broadcast(&ended);
    mutex_unlock(&exclusive_mutex);
}
