/* Read-copy-update. Readers enter a section for the price of two plain
 * stores; updaters unpublish an object, wait for a grace period, in which
 * every section that could still see it ends, and free it. rcu.c argues why
 * this is right.
 *
 * Threads. A thread is registered by its first read section, or explicitly,
 * and unregistered when it exits, or explicitly. Both take a lock; a thread
 * whose signal handlers use RCU does both explicitly, before they can run and
 * when they no longer can.
 *
 * Signals. rcu_read_lock, rcu_read_unlock and rcu_read_held may be called by
 * signal handlers of a registered thread, at any point. Nothing else may.
 *
 * Sections nest, up to 32767 deep, and are short by convention only: a vCPU is
 * in one for as long as it runs guest code, and asks by rcu_set_kick to be
 * told when a grace period waits for it.
 *
 * Lock order. A section ranks as RANK_RCU (locks/lock_class.h): locks taken in
 * it are of later ranks. All locks of this room are leaves. Callbacks run on the
 * reclaimer's thread with none held. */
#ifndef MORTISE_RCU_RCU_H
#define MORTISE_RCU_RCU_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotations.h"
#include "locks/lock_class.h"
#include "locks/lockdep.h"

/* The capability that a read section holds, shared. The analysis knows of no
 * re-entry: one function that nests two sections in its own body turns it
 * off for itself; functions that nest through calls need not. */
struct CAPABILITY("rcu") rcu_capability {
    char unused;
};
extern struct rcu_capability rcu_cap;

/* Layout of a reader's ctr and of rcu_gp; 0 is a registered idle thread. */
#define RCU_NEST_MASK UINT64_C(0x7fff)  /* depth of nesting */
#define RCU_SLOW      UINT64_C(0x8000)  /* always out of line: unregistered, or no membarrier */
#define RCU_GP_STEP   UINT64_C(0x10000) /* above: number of the latest grace period at entry */

struct rcu_reader {
    alignas(64) _Atomic(uint64_t) ctr; /* written by its thread, read by grace periods */
    atomic_bool waiting;               /* a grace period sleeps until this thread's section ends */
    bool registered OWNED_BY(its thread);
    void (*kick)(void *opaque) OWNED_BY(holder of the registry lock);
    void *kick_opaque OWNED_BY(holder of the registry lock);
    struct rcu_reader *prev OWNED_BY(holder of the registry lock);
    struct rcu_reader *next OWNED_BY(holder of the registry lock);
};

/* Hidden, and with a fixed offset from the thread pointer, so that the read
 * side reaches both without a table. */
extern _Thread_local struct rcu_reader rcu_self
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* 1 in the nesting field, so that a reader enters by copying it. */
extern _Atomic(uint64_t) rcu_gp __attribute__((visibility("hidden")));

void rcu_read_lock_slow(void);
void rcu_read_unlock_slow(void);
void rcu_wake_grace_period(void);

/* The lower two fields of a ctr as one number, for one comparison: the depth,
 * negative if RCU_SLOW is set. */
static inline int rcu_fast_depth(uint64_t ctr)
{
    return (int16_t)(ctr % RCU_GP_STEP);
}

/* Enters a read section. */
static inline void rcu_read_lock(void) ACQUIRE_SHARED(rcu_cap) NO_THREAD_SAFETY_ANALYSIS
{
    uint64_t ctr = atomic_load_explicit(&rcu_self.ctr, memory_order_relaxed);

    if (__builtin_expect(rcu_fast_depth(ctr) == 0, 1)) {
        /* acquire pairs with the release in synchronize_rcu: who enters under a
         * new number sees what was unpublished before it. release pairs with
         * the acquire in reader_blocks: who is seen under a new number has
         * finished its earlier sections. */
        atomic_store_explicit(&rcu_self.ctr, atomic_load_explicit(&rcu_gp, memory_order_acquire),
                              memory_order_release);
    } else if (rcu_fast_depth(ctr) > 0) {
        atomic_store_explicit(&rcu_self.ctr, ctr + 1, memory_order_relaxed);
    } else {
        rcu_read_lock_slow();
    }
    /* Pairs with the membarrier in synchronize_rcu: the section's loads come
     * after the store, for the compiler here, for the processor there. */
    atomic_signal_fence(memory_order_seq_cst);
    lockdep_rcu_enter();
}

/* Leaves the innermost read section of this thread. */
static inline void rcu_read_unlock(void) RELEASE_SHARED(rcu_cap) NO_THREAD_SAFETY_ANALYSIS
{
    uint64_t ctr = atomic_load_explicit(&rcu_self.ctr, memory_order_relaxed);

    lockdep_rcu_exit();
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(rcu_fast_depth(ctr) == 1, 1)) {
        /* release pairs with the acquire in reader_blocks: the section's loads
         * come before whatever is freed because of this store. */
        atomic_store_explicit(&rcu_self.ctr, 0, memory_order_release);
        /* Pairs with the membarrier in sleep_for_readers: either we see the
         * flag, or it sees the store above. */
        atomic_signal_fence(memory_order_seq_cst);
        if (__builtin_expect(atomic_load_explicit(&rcu_self.waiting, memory_order_relaxed), 0)) {
            rcu_wake_grace_period();
        }
    } else if (rcu_fast_depth(ctr) > 1) {
        atomic_store_explicit(&rcu_self.ctr, ctr - 1, memory_order_relaxed);
    } else {
        rcu_read_unlock_slow();
    }
}

/* Whether the calling thread is in a read section. */
static inline bool rcu_read_held(void)
{
    return atomic_load_explicit(&rcu_self.ctr, memory_order_relaxed) & RCU_NEST_MASK;
}

/* For functions that only the analysis needs to hear it from: costs nothing,
 * and fails to compile where no section is known to be held. */
static inline void rcu_require_read_held(void) REQUIRES_SHARED(rcu_cap)
{
}

/* Tells the analysis what it cannot see: that the caller is in a section. */
void rcu_assert_read_held(void) ASSERT_SHARED_CAPABILITY(rcu_cap);

/* Explicit registration. Registering twice is harmless. Unregistering inside
 * a section, or exiting inside one, is a bug and stops the process. */
void rcu_register_thread(void);
void rcu_unregister_thread(void);

/* kick(opaque) is called, from any thread and under a leaf lock, when a grace
 * period starts to sleep for this thread's section. It must not block nor
 * use RCU, and should make the thread end its section soon. NULL: none.
 * The calling thread's; gone when it unregisters. */
void rcu_set_kick(void (*kick)(void *opaque), void *opaque) MAY_BLOCK;

/* Waits until all sections that were there when it was called have ended.
 * Callers at the same time share grace periods. Not in a section, and with no
 * lock held that a section may take: none of a rank after RANK_RCU. */
#define synchronize_rcu() synchronize_rcu_at(LOCK_SITE)
void synchronize_rcu_at(const char *site) EXCLUDES(rcu_cap) MAY_BLOCK;

/* Embedded in objects that call_rcu frees. */
struct rcu_head {
    struct rcu_head *next OWNED_BY(call_rcu); /* from the call until it is called back */
    void (*fn)(struct rcu_head *head);
};

/* fn(head) will run on the reclaimer's thread after a grace period. Takes no
 * lock and never waits; may be called in a section and by fn. Callbacks of
 * one thread run in the order of its calls. fn may take locks, but must not
 * call rcu_barrier, and should not wait for long: others queue behind it.
 * Nothing holds back who calls faster than the callbacks run. */
void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head));

/* Waits until every callback queued before has run. Not in a section, not by
 * a callback, and with no lock held that a callback may take. */
#define rcu_barrier() rcu_barrier_at(LOCK_SITE)
void rcu_barrier_at(const char *site) EXCLUDES(rcu_cap) MAY_BLOCK;

/* Around fork(2), first before and last after other locks' handlers: waits
 * until no callback is running, so the caller holds no lock that one may
 * take and is in no section. In the child only the calling thread is
 * registered; pending callbacks are kept and run once somebody calls
 * call_rcu or rcu_barrier there. */
void rcu_before_fork(void) EXCLUDES(rcu_cap) MAY_BLOCK;
void rcu_after_fork_parent(void);
void rcu_after_fork_child(void);

/* Makes readers use real fences, as on a kernel without membarrier(2). Before
 * any thread is registered; for tests and benchmarks. */
void rcu_avoid_membarrier(void) BEFORE_THREADS;
bool rcu_uses_membarrier(void);

#endif
