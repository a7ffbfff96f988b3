/* Exclusive sections: the world stands still but for one vCPU. */
#ifndef MORTISE_EXEC_EXCLUSIVE_H
#define MORTISE_EXEC_EXCLUSIVE_H

#include "exec/cpu.h"
#include "locks/bql.h"
#include "locks/mmap_lock.h"

/* The vCPU's thread is about to go inside; waits for a running exclusive
 * section to end. The RCU read lock is taken: it is held while inside.
 * No lock held. */
void cpu_exec_start(struct cpu *cpu) ACQUIRE_SHARED(rcu_cap) EXCLUDES(mmap_lock_cap);

/* Out again. Wakes who waits for an exclusive section. Releases the RCU
 * read lock. Must not block on anything but the exclusive lock. */
void cpu_exec_end(struct cpu *cpu) RELEASE_SHARED(rcu_cap);

/* Waits until no other vCPU is inside, and keeps them out until
 * end_exclusive. Called by a thread that is not inside and holds no
 * mmap_lock. Sections of several callers run one after the other. */
void start_exclusive(void) EXCLUDES(mmap_lock_cap, rcu_cap) MAY_BLOCK;
void end_exclusive(void);

/* Work on other vCPUs. The function runs on the vCPU's thread, not inside,
 * with no lock held.
 * async: queued; runs at the vCPU's next exit, which is provoked.
 * async_safe: as async, but within an exclusive section.
 * run_on_cpu: waits until it has run (on the own vCPU: runs at once). The
 * caller must not be inside and must hold no lock. While a vCPU's thread
 * waits it runs what is queued to itself, so that vCPUs may wait for each
 * other.
 * run_on_cpu_bql: the same for a caller that holds the BQL, which is dropped
 * while it waits. */
typedef void run_on_cpu_fn(struct cpu *cpu, void *opaque);
NODISCARD int async_run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);
NODISCARD int async_safe_run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);
NODISCARD int run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque) EXCLUDES(bql) MAY_BLOCK;
NODISCARD int run_on_cpu_bql(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque)
    REQUIRES(bql) MAY_BLOCK;

/* Runs everything queued to this vCPU, in the order it was queued. By the
 * vCPU's thread, not inside. */
void cpu_process_work(struct cpu *cpu);

/* Sleep until kicked / wake up. A kick before the wait makes it return at
 * once (no lost wake-up). The vCPU's thread, not inside. */
void cpu_halt_wait(struct cpu *cpu);
/* The same for at most `ns` nanoseconds. */
void cpu_halt_wait_for(struct cpu *cpu, uint64_t ns);

#endif
