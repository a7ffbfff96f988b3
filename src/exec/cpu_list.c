/* The list of vCPUs. Readers walk it in RCU read sections; cpu_list_mutex
 * serialises changes. A vCPU that is found on the list, and its thread, stay
 * until the read section ends: cpu_unregister waits for that. The list is
 * ordered by index, so that the smallest free index is its first gap. */
#include <assert.h>
#include <stdatomic.h>
#include <unistd.h>

#include "exec/cpu.h"
#include "exec/cpu_internal.h"
#include "exec/exclusive.h"
#include "exec/guest_ops.h"
#include "exec/tb_internal.h"

_Thread_local struct cpu *current_cpu;

LOCK_CLASS_DEFINE(cpu_list_class, RANK_LEAF);
static struct mutex cpu_list_mutex = MUTEX_INIT(&cpu_list_class);

/* Read in read sections. */
static struct rcu_list cpu_list WRITE_GUARDED_BY(&cpu_list_mutex) = RCU_LIST_INIT(cpu_list);
static atomic_uint cpu_list_count WRITE_GUARDED_BY(&cpu_list_mutex);

/* Puts the vCPU into the first gap between indices. */
static void list_insert(struct cpu *cpu PRIVATE_OBJECT) REQUIRES(cpu_list_mutex)
{
    struct rcu_list *prev = &cpu_list;

    cpu->index = 0;
    RCU_LIST_FOREACH_LOCKED(struct cpu, at, &cpu_list, link)
    {
        if (at->index != cpu->index) {
            break;
        }
        cpu->index++;
        prev = &at->link;
    }
    rcu_list_add_between(&cpu->link, prev, rcu_dereference_locked(prev->next));
}

/* An unused vCPU's fields, but for those that the embedding CPU sets. */
static void reset_fields(struct cpu *cpu)
{
    atomic_init(&cpu->host_tid, 0);
    atomic_init(&cpu->exit_request, 0);
    atomic_init(&cpu->inside, false);
    atomic_init(&cpu->jump_cache_dirty, 0);
    cpu->region = NULL;
    ck_stack_init(&cpu->work);
    cpu->work_ready = NULL;
    event_init(&cpu->wake);
    exclusive_init_cpu(cpu);
}

void cpu_register(struct cpu *cpu)
{
    reset_fields(cpu);
    mutex_lock(&cpu_list_mutex);
    list_insert(cpu);
    atomic_fetch_add_explicit(&cpu_list_count, 1, memory_order_relaxed);
    mutex_unlock(&cpu_list_mutex);
    /* Pairs with the fence in tb_jump_cache_forget: who does not find this
     * vCPU on the list has made its change before our first look at it. */
    atomic_thread_fence(memory_order_seq_cst);
}

/* A grace period has begun to wait for this vCPU's thread. */
static void leave_read_section(void *opaque)
{
    cpu_kick(opaque, CPU_EXIT_RCU);
}

void cpu_attach_thread(struct cpu *cpu)
{
    current_cpu = cpu;
    atomic_store_explicit(&cpu->host_tid, gettid(), memory_order_relaxed);
    rcu_register_thread();
    rcu_set_kick(leave_read_section, cpu);
}

static void detach_thread(const struct cpu *cpu)
{
    if (current_cpu == cpu) {
        rcu_set_kick(NULL, NULL);
        current_cpu = NULL;
    }
}

void cpu_unregister(struct cpu *cpu)
{
    assert(!atomic_load_explicit(&cpu->inside, memory_order_relaxed));
    /* While it is on the list, as a flush resets all regions and the vCPUs'
     * pointers to them alike. */
    code_region_release(cpu);

    mutex_lock(&cpu_list_mutex);
    rcu_list_del(&cpu->link);
    atomic_fetch_sub_explicit(&cpu_list_count, 1, memory_order_relaxed);
    mutex_unlock(&cpu_list_mutex);

    synchronize_rcu();
    cpu_work_finish(cpu);
    detach_thread(cpu);
}

void cpu_list_after_fork(struct cpu *self)
{
    mutex_init(&cpu_list_mutex, &cpu_list_class);
    exclusive_after_fork();

    mutex_lock(&cpu_list_mutex);
    rcu_list_init(&cpu_list);
    if (self) {
        rcu_list_add_head(&cpu_list, &self->link);
        exclusive_init_cpu(self);
        /* The parent does it, for those who have asked. */
        cpu_work_drop(self);
        atomic_fetch_and_explicit(&self->exit_request,
                                  ~(unsigned)(CPU_EXIT_WORK | CPU_EXIT_EXCLUSIVE | CPU_EXIT_RCU),
                                  memory_order_relaxed);
    }
    atomic_store_explicit(&cpu_list_count, self ? 1 : 0, memory_order_relaxed);
    mutex_unlock(&cpu_list_mutex);

    if (self) {
        cpu_attach_thread(self);
    } else {
        current_cpu = NULL;
    }
}

unsigned cpu_count(void)
{
    return atomic_load_explicit(&cpu_list_count, memory_order_relaxed);
}

void cpu_for_each(void (*fn)(struct cpu *cpu, void *opaque), void *opaque)
{
    rcu_read_lock();
    RCU_LIST_FOREACH (struct cpu, cpu, &cpu_list, link) {
        fn(cpu, opaque);
    }
    rcu_read_unlock();
}

void cpu_kick(struct cpu *cpu, unsigned bits)
{
    /* release: who clears the bits sees what they were set for. */
    atomic_fetch_or_explicit(&cpu->exit_request, bits, memory_order_acq_rel);
    event_set(&cpu->wake);
    if (cpu != current_cpu) {
        guest_ops->kick(cpu);
    }
}
