/* Read sections and grace periods.
 *
 * Correctness. A reader entering its outermost section copies rcu_gp, the
 * number of the latest grace period, to its own ctr, and stores 0 (idle) when
 * it leaves. An updater unpublishes an object, then in synchronize_rcu
 *     1. increments rcu_gp to G,
 *     2. has every thread of the process pass a full fence (membarrier(2)),
 *     3. waits until each registered reader has once been seen idle, or
 *        under a number not below G.
 * To show: no section that may hold the object outlives step 3. Take a section
 * S and the fence F that its thread passes in step 2.
 *   - The store of ctr that opens S is before F. Then step 3 sees it, or a
 *     later store. A number below G makes it wait for a later store; the first
 *     such is either the 0 that ends S, or opens a section after S. If S was
 *     opened under G or above, its load of rcu_gp (acquire) read what step 1
 *     (release) or a later increment wrote, so S sees the object unpublished.
 *   - The store is after F. Then so are all loads of S, and F comes after the
 *     unpublishing: S does not see the object.
 *   - The thread registers during the grace period. It either gets the lock
 *     before the last pass of step 3, and is one of the above, or after it,
 *     and then the lock orders its loads after the unpublishing.
 * What S read is read before the memory is reused: the stores that end a
 * section and that open the next are releases, the loads of step 3 acquires.
 *
 * A reader may be delayed between loading rcu_gp and storing it, for several
 * grace periods. With a single phase bit it could then pass for new when it is
 * old, or the other way round, and two flips with a wait after each are
 * needed. A number that never repeats (48 bits: eight years at a million
 * grace periods a second) can only make it look older than it is: a wait too
 * long, never too short. So one wait and one membarrier do.
 *
 * Sharing. A caller that finds rcu_gp at G needs grace period G + 1 or a later
 * one, by whomever: its unpublishing is before its read of G (a
 * read-modify-write, so a release that the increment to G + 1 acquires), hence
 * before step 1 of G + 1.
 *
 * Sleeping. After a while of spinning the updater marks the readers it waits
 * for, fences as in step 2, looks once more and sleeps on gp_futex if one that is
 * marked still blocks. The reader stores 0, then looks at its mark. By the
 * fence between, one of the two sees the other's store.
 *
 * Signals. A handler that interrupts lock or unlock anywhere leaves ctr as it
 * was; if that was between the load of rcu_gp and the store, the store is of a
 * number that may have aged: harmless, as above.
 *
 * Without membarrier(2) readers carry RCU_SLOW in ctr for ever, take the out of
 * line paths, and fence themselves where the process-wide fence would have.
 *
 * ThreadSanitizer knows neither membarrier nor fences, and need not: the
 * happens-before of "section, then free" is the release/acquire pair on ctr.
 * What the fences exclude are stale reads, which it does not model.
 *
 * analysis/models/rcu_gp.pml checks steps 1 to 3 and the sleep under x86's store
 * buffers, and that each is needed. */
#include "rcu/rcu.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "locks/cond.h"
#include "locks/futex.h"
#include "locks/mutex.h"
#include "locks/once.h"
#include "rcu/internal.h"

/* Looks at lingering readers before the updater sleeps. Enough for a section
 * of a few hundred instructions, too few to matter to who waits longer. */
#define SPINS_BEFORE_SLEEP 200

struct rcu_capability rcu_cap;

_Thread_local struct rcu_reader rcu_self = {.ctr = RCU_SLOW};
_Atomic(uint64_t) rcu_gp = RCU_GP_STEP | 1;

LOCK_CLASS_DEFINE(rcu_lock_class, RANK_LEAF);
static struct mutex rcu_lock = MUTEX_INIT(&rcu_lock_class);
static struct cond gp_ended = COND_INIT;

static struct rcu_reader *readers GUARDED_BY(&rcu_lock);
static bool gp_running GUARDED_BY(&rcu_lock);
static uint64_t gp_completed GUARDED_BY(&rcu_lock);

/* 1: the updater sleeps or is about to; 0: a reader it waited for has left. */
static atomic_uint gp_futex;

static struct once once = ONCE_INIT;
static pthread_key_t exit_key IMMUTABLE_AFTER_INIT;
static bool has_membarrier IMMUTABLE_AFTER_INIT;
static bool avoid_membarrier IMMUTABLE_AFTER_INIT;
static bool initialised IMMUTABLE_AFTER_INIT;

_Noreturn void rcu_bug(const char *what)
{
    static const char prefix[] = "mortise: rcu: ";

    if (write(STDERR_FILENO, prefix, sizeof(prefix) - 1) < 0 ||
        write(STDERR_FILENO, what, strlen(what)) < 0 || write(STDERR_FILENO, "\n", 1) < 0) {
        abort();
    }
    abort();
}

static void unregister_self(void);

static void unregister_at_exit(void *reader)
{
    (void)reader;
    unregister_self();
}

static bool membarrier_register(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
           syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

static void init(void)
{
    if (pthread_key_create(&exit_key, unregister_at_exit) != 0) {
        rcu_bug("no thread-specific key left");
    }
    has_membarrier = !avoid_membarrier && membarrier_register();
    initialised = true;
}

void rcu_avoid_membarrier(void)
{
    if (initialised) {
        rcu_bug("rcu_avoid_membarrier after the first use of RCU");
    }
    avoid_membarrier = true;
}

bool rcu_uses_membarrier(void)
{
    once_run(&once, init);
    return has_membarrier;
}

/* Stores ctr, then fences: the reader's half of the pairs with
 * fence_all_threads when that is a fence of the caller only. ThreadSanitizer
 * rejects fences; an exchange is as strong on x86. */
static void store_ctr_and_fence(uint64_t ctr)
{
#ifdef MORTISE_SANITIZE
    atomic_exchange_explicit(&rcu_self.ctr, ctr, memory_order_seq_cst);
#else
    atomic_store_explicit(&rcu_self.ctr, ctr, memory_order_release);
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

/* On return every thread of the process has passed a full fence since the
 * call, or, without membarrier, fences by itself. Pairs with the compiler
 * fences in rcu_read_lock and rcu_read_unlock, and store_ctr_and_fence. */
static void fence_all_threads(void)
{
    if (has_membarrier) {
        if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
            rcu_bug("membarrier(2) stopped working");
        }
    } else {
#ifdef MORTISE_SANITIZE
        static _Atomic(int) fence;
        atomic_fetch_add_explicit(&fence, 1, memory_order_seq_cst);
#else
        atomic_thread_fence(memory_order_seq_cst);
#endif
    }
}

void rcu_read_lock_slow(void)
{
    uint64_t ctr;

    if (!rcu_self.registered) {
        rcu_register_thread();
    }
    ctr = atomic_load_explicit(&rcu_self.ctr, memory_order_relaxed);
    if (ctr & RCU_NEST_MASK) {
        atomic_store_explicit(&rcu_self.ctr, ctr + 1, memory_order_relaxed);
    } else {
        store_ctr_and_fence(atomic_load_explicit(&rcu_gp, memory_order_acquire) | ctr);
    }
}

void rcu_read_unlock_slow(void)
{
    uint64_t ctr = atomic_load_explicit(&rcu_self.ctr, memory_order_relaxed);

    if (!(ctr & RCU_NEST_MASK)) {
        rcu_bug("rcu_read_unlock without rcu_read_lock");
    }
    if ((ctr & RCU_NEST_MASK) > 1) {
        atomic_store_explicit(&rcu_self.ctr, ctr - 1, memory_order_relaxed);
        return;
    }
    store_ctr_and_fence(RCU_SLOW);
    if (atomic_load_explicit(&rcu_self.waiting, memory_order_relaxed)) {
        rcu_wake_grace_period();
    }
}

/* By the reader whose section an updater waits for, on leaving it; also in
 * signal handlers. An updater that meanwhile waits for another wakes once
 * for nothing. */
void rcu_wake_grace_period(void)
{
    atomic_store_explicit(&rcu_self.waiting, false, memory_order_relaxed);
    atomic_store_explicit(&gp_futex, 0, memory_order_release);
    futex_wake(&gp_futex, 1);
}

void rcu_assert_read_held(void)
{
    if (!rcu_read_held()) {
        rcu_bug("not in a read section");
    }
}

static void link_reader(struct rcu_reader *reader) REQUIRES(&rcu_lock)
{
    reader->prev = NULL;
    reader->next = readers;
    if (readers) {
        readers->prev = reader;
    }
    readers = reader;
}

void rcu_register_thread(void)
{
    if (rcu_self.registered) {
        return;
    }
    once_run(&once, init);
    if (pthread_setspecific(exit_key, &rcu_self) != 0) {
        rcu_bug("no memory to register a thread");
    }
    mutex_lock(&rcu_lock);
    link_reader(&rcu_self);
    mutex_unlock(&rcu_lock);
    rcu_self.registered = true;
    atomic_store_explicit(&rcu_self.ctr, has_membarrier ? 0 : RCU_SLOW, memory_order_release);
}

static void unregister_self(void)
{
    if (!rcu_self.registered) {
        return;
    }
    if (rcu_read_held()) {
        rcu_bug("thread unregistered in a read section");
    }
    atomic_store_explicit(&rcu_self.ctr, RCU_SLOW, memory_order_release);
    rcu_self.registered = false;
    mutex_lock(&rcu_lock);
    if (rcu_self.prev) {
        rcu_self.prev->next = rcu_self.next;
    } else {
        readers = rcu_self.next;
    }
    if (rcu_self.next) {
        rcu_self.next->prev = rcu_self.prev;
    }
    rcu_self.kick = NULL;
    atomic_store_explicit(&rcu_self.waiting, false, memory_order_relaxed);
    mutex_unlock(&rcu_lock);
}

void rcu_unregister_thread(void)
{
    unregister_self();
    once_run(&once, init);
    pthread_setspecific(exit_key, NULL);
}

void rcu_set_kick(void (*kick)(void *opaque), void *opaque)
{
    rcu_register_thread();
    mutex_lock(&rcu_lock);
    rcu_self.kick = kick;
    rcu_self.kick_opaque = opaque;
    mutex_unlock(&rcu_lock);
}

/* Whether reader is in a section older than grace period gp. */
static bool reader_blocks(struct rcu_reader *reader, uint64_t gp)
{
    /* acquire pairs with the releases in rcu_read_unlock and rcu_read_lock. */
    uint64_t ctr = atomic_load_explicit(&reader->ctr, memory_order_acquire);

    return (ctr & RCU_NEST_MASK) && ctr / RCU_GP_STEP < gp / RCU_GP_STEP;
}

/* The first reader that blocks gp, after spinning for it; NULL: none. */
static struct rcu_reader *spin_for_readers(uint64_t gp, unsigned spins) REQUIRES(&rcu_lock)
{
    for (struct rcu_reader *reader = readers; reader; reader = reader->next) {
        while (reader_blocks(reader, gp)) {
            if (spins == 0) {
                return reader;
            }
            spins--;
            __builtin_ia32_pause();
        }
    }
    return NULL;
}

static bool marked_reader_blocks(uint64_t gp) REQUIRES(&rcu_lock)
{
    for (struct rcu_reader *reader = readers; reader; reader = reader->next) {
        if (reader_blocks(reader, gp) &&
            atomic_load_explicit(&reader->waiting, memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

/* Sleeps until one of the readers that block gp leaves its section; may return
 * early. Readers come and go meanwhile, and one may enter under an aged number
 * after we have looked at it, so only who is marked is worth sleeping for.
 * Those that block are kicked each time: a mark may be left from earlier, and
 * does not say that a kick is on its way. */
static void sleep_for_readers(uint64_t gp) REQUIRES(&rcu_lock)
{
    atomic_store_explicit(&gp_futex, 1, memory_order_relaxed);
    for (struct rcu_reader *reader = readers; reader; reader = reader->next) {
        if (reader_blocks(reader, gp)) {
            atomic_store_explicit(&reader->waiting, true, memory_order_relaxed);
            if (reader->kick) {
                reader->kick(reader->kick_opaque);
            }
        }
    }
    fence_all_threads();
    if (marked_reader_blocks(gp)) {
        mutex_unlock(&rcu_lock);
        (void)futex_wait(&gp_futex, 1, 0);
        mutex_lock(&rcu_lock);
    }
}

static void run_grace_period(void) REQUIRES(&rcu_lock)
{
    uint64_t gp;

    gp_running = true;
    /* release pairs with the load of rcu_gp in rcu_read_lock; acquire with
     * that in synchronize_rcu. */
    gp = atomic_fetch_add_explicit(&rcu_gp, RCU_GP_STEP, memory_order_acq_rel) + RCU_GP_STEP;
    fence_all_threads();
    while (spin_for_readers(gp, SPINS_BEFORE_SLEEP)) {
        sleep_for_readers(gp);
    }
    gp_completed = gp;
    gp_running = false;
    cond_broadcast(&gp_ended);
}

void synchronize_rcu_at(const char *site)
{
    uint64_t needed;

    if (rcu_read_held()) {
        rcu_bug("synchronize_rcu in a read section");
    }
    lockdep_rcu_wait("waiting for a grace period", site);
    once_run(&once, init);
    needed = atomic_fetch_add_explicit(&rcu_gp, 0, memory_order_acq_rel) + RCU_GP_STEP;
    mutex_lock(&rcu_lock);
    while (gp_running && gp_completed < needed) {
        cond_wait(&gp_ended, &rcu_lock);
    }
    if (gp_completed < needed) {
        run_grace_period();
    }
    mutex_unlock(&rcu_lock);
}

/* The lock may have been held, and a grace period under way, in a thread that
 * is not here: all of it starts anew. A number that was begun and not
 * completed is simply skipped. */
void rcu_readers_after_fork_child(void) BEFORE_THREADS NO_THREAD_SAFETY_ANALYSIS
{
    mutex_init(&rcu_lock, &rcu_lock_class);
    cond_init(&gp_ended);
    gp_running = false;
    readers = NULL;
    atomic_store_explicit(&rcu_self.waiting, false, memory_order_relaxed);
    if (rcu_self.registered) {
        link_reader(&rcu_self);
    }
    if (has_membarrier && !membarrier_register()) {
        rcu_bug("membarrier(2) stopped working after fork");
    }
}
