/* Exclusive sections: the world stands still but for one vCPU. */
#ifndef MORTISE_EXEC_EXCLUSIVE_H
#define MORTISE_EXEC_EXCLUSIVE_H

#include "exec/cpu.h"

/* The vCPU's thread is about to go inside; waits for a running exclusive
 * section to end. The RCU read lock is taken: it is held while inside.
 * No mmap_lock, no page lock held. */
void cpu_exec_start(struct cpu *cpu);

/* Out again. Wakes who waits for an exclusive section. Releases the RCU
 * read lock. Must not block on anything but the exclusive lock. */
void cpu_exec_end(struct cpu *cpu);

/* Waits until no other vCPU is inside, and keeps them out until
 * end_exclusive. Called by a thread that is not inside and holds no
 * mmap_lock. Sections of several callers run one after the other. */
void start_exclusive(void);
void end_exclusive(void);

/* Work on other vCPUs. The function runs on the vCPU's thread, not inside.
 * async: queued; runs at the vCPU's next exit, which is provoked.
 * async_safe: as async, but within an exclusive section.
 * run_on_cpu: waits until it has run (on the own vCPU: runs at once). The
 * caller must not be inside and must hold no lock but the BQL, which is
 * dropped while it waits. */
typedef void run_on_cpu_fn(struct cpu *cpu, void *opaque);
NODISCARD int async_run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);
NODISCARD int async_safe_run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);
NODISCARD int run_on_cpu(struct cpu *cpu, run_on_cpu_fn *fn, void *opaque);

/* Runs everything queued to this vCPU, in the order it was queued. By the
 * vCPU's thread, not inside. */
void cpu_process_work(struct cpu *cpu);

/* Sleep until kicked / wake up. A kick before the wait makes it return at
 * once (no lost wake-up). The vCPU's thread, not inside. */
void cpu_halt_wait(struct cpu *cpu);

#endif
