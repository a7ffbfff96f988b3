/* The part of a virtual CPU that does not depend on the guest's instruction
 * set: its thread, its run state, work queued to it, and its jump cache.
 * A guest CPU (struct x86_cpu) embeds one.
 *
 * Run state. Between cpu_exec_start and cpu_exec_end a vCPU may run guest
 * code, look up TBs and patch jumps between them ("inside"). An exclusive
 * section (exec/exclusive.h) waits until no other vCPU is inside. */
#ifndef MORTISE_EXEC_CPU_H
#define MORTISE_EXEC_CPU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ck_stack.h>

#include "base/error.h"
#include "base/annotations.h"
#include "locks/event.h"
#include "locks/mutex.h"
#include "rcu/list.h"

struct code_region;
struct cpu_work;

/* Why a vCPU has to leave guest code: bits of cpu->exit_request. */
enum cpu_exit_request {
    CPU_EXIT_WORK = 1 << 0,      /* its work queue is not empty */
    CPU_EXIT_EXCLUSIVE = 1 << 1, /* somebody waits for an exclusive section */
    CPU_EXIT_SIGNAL = 1 << 2,    /* the environment (user mode) has a signal for it */
    CPU_EXIT_STOP = 1 << 3,      /* the thread is to end */
    CPU_EXIT_RCU = 1 << 4,       /* a grace period waits for its read section */
    CPU_EXIT_INTERRUPT = 1 << 5, /* system mode: its interrupt requests have changed */
    CPU_EXIT_CLOCK = 1 << 6,     /* system mode: the guest sees time go by (hw/pace.h) */
};

/* How far the vCPU may run while instructions are counted (exec/icount.h). */
struct OWNED_BY(its own thread) cpu_icount {
    int32_t left;  /* instructions until it has to come back: blocks take theirs off first */
    int32_t ahead; /* of those taken off, how many the block at hand has not executed */
    int64_t end;   /* the machine's count when none is left */
};

/* Entries of a jump cache: indexed by the low 16 bits of the guest's target. */
#define CPU_JUMP_CACHE_ENTRIES 65536

/* Serialises exclusive sections' beginning and end; see exclusive.c. */
extern struct mutex exclusive_mutex;

struct cpu {
    unsigned index IMMUTABLE_AFTER_INIT; /* by cpu_register; unique among live vCPUs */
    atomic_int host_tid; /* for tkill; 0: before cpu_attach_thread, where no kick is needed */

    /* Bits set by anybody. WORK, EXCLUSIVE and RCU are cleared by
     * cpu_process_work and cpu_exec_start, the others by the environment on
     * the vCPU's thread. */
    atomic_uint exit_request;
    atomic_bool inside; /* written by the vCPU; see exclusive.c for the handshake */
    bool awaited GUARDED_BY(exclusive_mutex); /* was found inside, and has not left since */

    /* Host addresses of checked TB entries (tb->checked), or the address of
     * the miss stub. Filled by the vCPU's thread, reset by whoever invalidates
     * a TB. Allocated and freed by the embedding guest CPU. NULL: it has its
     * own kind (guest_ops.h). */
    _Atomic(uintptr_t) *jump_cache IMMUTABLE_AFTER_INIT;
    uintptr_t jump_cache_miss IMMUTABLE_AFTER_INIT; /* the empty value */

    /* Bit n: entries from n * CPU_JUMP_CACHE_ENTRIES / 64 on may differ from
     * the miss value. Set by the vCPU's thread before it fills an entry,
     * cleared by a flush. */
    _Atomic(uint64_t) jump_cache_dirty;

    /* What it translates into. Changes under the region lock; for its thread
     * only under the mmap_lock. See code_region.c. */
    struct code_region *region OWNED_BY(who holds the region lock or
                                        is its thread with the mmap_lock);
    uint64_t full_at
    OWNED_BY(its own thread); /* tb_flush_count when it last found the cache full */

    ck_stack_t work; /* lock-free: pushed by anybody, emptied by the vCPU's thread */
    struct cpu_work *work_ready
    OWNED_BY(its own thread); /* taken off `work`, in order, not yet run */
    struct event wake;        /* set by each kick; see cpu_halt_wait */

    struct cpu_icount icount OWNED_BY(its own thread);

    struct rcu_list link; /* list of vCPUs; see cpu_list.c */
};

/* The vCPU whose thread this is, or NULL. Per thread. */
extern _Thread_local struct cpu *current_cpu;

/* Adds a vCPU to the list of all, gives it an index; cpu->jump_cache and
 * jump_cache_miss are set and every entry holds the miss value. */
void cpu_register(struct cpu *cpu);

/* Makes the calling thread the vCPU's: current_cpu, host_tid; grace periods
 * that wait for it will kick it. Before its first cpu_exec_start, and again
 * in the child of a fork (cpu_list_after_fork does it for `self`). */
void cpu_attach_thread(struct cpu *cpu);

/* Takes it off the list, after running the work still queued to it. On
 * return no other thread reads it (a grace period has passed) and its code
 * region has been handed back. Not inside. By the vCPU's thread, which has
 * no vCPU afterwards, or after that thread's end. */
void cpu_unregister(struct cpu *cpu);

/* After fork(2), in the child: only `self` is left on the list (NULL: none);
 * all exclusive state is as new. The others' memory is not freed here. */
void cpu_list_after_fork(struct cpu *self);

/* Number of vCPUs on the list. */
unsigned cpu_count(void);

/* Calls fn on every vCPU inside an RCU read section. fn must not block. */
void cpu_for_each(void (*fn)(struct cpu *cpu, void *opaque), void *opaque);

/* Makes the vCPU leave guest code soon: sets the bits, ends its
 * cpu_halt_wait, and, unless it is the caller's own, interrupts it through
 * the guest ops' kick. Any thread that knows that the vCPU stays registered,
 * as it does in a read section that found it on the list; signal-safe. */
void cpu_kick(struct cpu *cpu, unsigned bits);

#endif
