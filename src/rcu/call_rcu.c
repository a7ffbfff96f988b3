/* call_rcu and its reclaimer thread.
 *
 * Callbacks are pushed on a lock-free stack. The reclaimer takes the whole
 * stack at once, reverses it to the order of the pushes, waits one grace
 * period for all of it, and runs it. Before it takes the stack it waits for
 * BATCH_NS, so that a steady trickle of callbacks costs at most one grace
 * period, that is one interruption of all running threads, in that time.
 *
 * Whoever moves reclaimer_state off NONE is the reclaimer and owns `batch`; it
 * gives the role up only with the thread that never started. No wake-up is
 * lost: who pushes on an empty stack sets `work` after the push; the
 * reclaimer resets `work` before it looks at the stack.
 *
 * Fork. A callback half run cannot be kept, so rcu_before_fork stops the
 * reclaimer between two (or anywhere else but in the middle of taking the
 * stack). Then `queue` and `batch` are whole, and in the child hold what has
 * not run. */
#include "rcu/rcu.h"

#include <time.h>

#include "locks/cond.h"
#include "locks/event.h"
#include "locks/mutex.h"
#include "locks/thread.h"
#include "rcu/internal.h"

#define BATCH_NS 1000000

enum reclaimer_state { RECLAIMER_NONE, RECLAIMER_STARTING, RECLAIMER_RUNNING };

static _Atomic(struct rcu_head *) queue; /* latest first */
static _Atomic(enum reclaimer_state) reclaimer_state;
static _Thread_local bool is_reclaimer;

static struct event work;  /* the stack is not empty */
static struct event hurry; /* somebody waits in rcu_barrier: do not wait for more */

LOCK_CLASS_DEFINE(reclaim_lock_class, RANK_LEAF);
static struct mutex reclaim_lock = MUTEX_INIT(&reclaim_lock_class);
static struct cond reclaim_changed = COND_INIT;

static bool busy GUARDED_BY(&reclaim_lock);      /* the reclaimer moves queue or batch */
static uint64_t taken GUARDED_BY(&reclaim_lock); /* number of times the stack was taken */
static uint64_t done GUARDED_BY(&reclaim_lock);  /* number of those that have run whole */
static _Atomic(unsigned) forks; /* threads between rcu_before_fork and after; under reclaim_lock */

static struct rcu_head *batch GUARDED_BY(rcu_role); /* taken, not yet run; oldest first */

/* Begins a stretch that no fork may cut in two. */
static void begin_busy(void) REQUIRES(&reclaim_lock)
{
    while (atomic_load_explicit(&forks, memory_order_relaxed) > 0) {
        cond_wait(&reclaim_changed, &reclaim_lock);
    }
    busy = true;
}

static void end_busy(void) REQUIRES(&reclaim_lock)
{
    busy = false;
    cond_broadcast(&reclaim_changed);
}

/* Moves the stack to the empty batch, in the order of the pushes. */
static void take_queue(void) REQUIRES(rcu_role)
{
    struct rcu_head *head, *next;

    mutex_lock(&reclaim_lock);
    begin_busy();
    /* acquire pairs with the release in call_rcu. */
    head = atomic_exchange_explicit(&queue, NULL, memory_order_acquire);
    taken += head != NULL;
    mutex_unlock(&reclaim_lock);
    for (; head; head = next) {
        next = head->next;
        head->next = batch;
        batch = head;
    }
    mutex_lock(&reclaim_lock);
    end_busy();
    mutex_unlock(&reclaim_lock);
}

/* One grace period, and what waited for it. By the reclaimer. */
static void run_batch(void) REQUIRES(rcu_role)
{
    if (!batch) {
        take_queue();
    }
    if (!batch) {
        return;
    }
    synchronize_rcu();
    mutex_lock(&reclaim_lock);
    while (batch) {
        begin_busy();
        mutex_unlock(&reclaim_lock);
        do {
            struct rcu_head *head = batch;

            batch = head->next;
            head->fn(head);
        } while (batch && atomic_load_explicit(&forks, memory_order_relaxed) == 0);
        mutex_lock(&reclaim_lock);
        end_busy();
    }
    done = taken;
    cond_broadcast(&reclaim_changed);
    mutex_unlock(&reclaim_lock);
}

/* The same by a thread that has the role only for now. */
static void run_batch_here(void)
{
    thread_role_enter(&rcu_role);
    is_reclaimer = true;
    run_batch();
    is_reclaimer = false;
    thread_role_leave(&rcu_role);
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Its thread lives as long as the process. */
static void *reclaimer_main(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    (void)unused;
    thread_role_enter(&rcu_role);
    is_reclaimer = true;
    for (;;) {
        event_reset(&work);
        if (!batch && !atomic_load_explicit(&queue, memory_order_relaxed)) {
            event_wait(&work);
        }
        (void)event_timedwait(&hurry, monotonic_ns() + BATCH_NS);
        event_reset(&hurry);
        run_batch();
    }
    return NULL;
}

/* Whether the caller has become the reclaimer, and must start the thread. */
static bool claim_reclaimer(void)
{
    enum reclaimer_state none = RECLAIMER_NONE;

    return atomic_load_explicit(&reclaimer_state, memory_order_relaxed) == RECLAIMER_NONE &&
           atomic_compare_exchange_strong_explicit(&reclaimer_state, &none, RECLAIMER_STARTING,
                                                   memory_order_acquire, memory_order_relaxed);
}

/* After claim_reclaimer: hands the role to a new thread. */
static bool start_reclaimer(void)
{
    struct thread thread;

    if (thread_create(&thread, "rcu", reclaimer_main, NULL, NULL) != 0) {
        return false;
    }
    thread_detach(&thread);
    atomic_store_explicit(&reclaimer_state, RECLAIMER_RUNNING, memory_order_release);
    return true;
}

/* Gives the role back; whoever waits in rcu_barrier may want it. */
static void resign_reclaimer(void)
{
    mutex_lock(&reclaim_lock);
    /* release pairs with the acquire in claim_reclaimer, for `batch`. */
    atomic_store_explicit(&reclaimer_state, RECLAIMER_NONE, memory_order_release);
    cond_broadcast(&reclaim_changed);
    mutex_unlock(&reclaim_lock);
}

void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    struct rcu_head *old = atomic_load_explicit(&queue, memory_order_relaxed);

    head->fn = fn;
    do {
        head->next = old;
    } while (!atomic_compare_exchange_weak_explicit(&queue, &old, head, memory_order_release,
                                                    memory_order_relaxed));
    if (!old) {
        event_set(&work);
    }
    /* Should the thread fail to start, the next caller tries again. */
    if (claim_reclaimer() && !start_reclaimer()) {
        resign_reclaimer();
    }
}

void rcu_barrier_at(const char *site)
{
    uint64_t target;

    if (rcu_read_held() || is_reclaimer) {
        rcu_bug("rcu_barrier in a read section or a callback");
    }
    lockdep_rcu_wait("waiting for RCU callbacks", site);
    mutex_lock(&reclaim_lock);
    target = taken + (atomic_load_explicit(&queue, memory_order_relaxed) != NULL);
    while (done < target) {
        if (claim_reclaimer()) {
            mutex_unlock(&reclaim_lock);
            if (!start_reclaimer()) {
                run_batch_here();
                resign_reclaimer();
            }
            mutex_lock(&reclaim_lock);
        } else {
            event_set(&hurry);
            cond_wait(&reclaim_changed, &reclaim_lock);
        }
    }
    mutex_unlock(&reclaim_lock);
}

void rcu_before_fork(void)
{
    if (rcu_read_held() || is_reclaimer) {
        rcu_bug("fork in a read section or a callback");
    }
    mutex_lock(&reclaim_lock);
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
    while (busy) {
        cond_wait(&reclaim_changed, &reclaim_lock);
    }
    mutex_unlock(&reclaim_lock);
}

void rcu_after_fork_parent(void)
{
    mutex_lock(&reclaim_lock);
    atomic_fetch_sub_explicit(&forks, 1, memory_order_relaxed);
    cond_broadcast(&reclaim_changed);
    mutex_unlock(&reclaim_lock);
}

/* Other threads may have held the lock or stood anywhere but in a busy
 * stretch; what is left of them is queue and batch. */
void rcu_after_fork_child(void) BEFORE_THREADS NO_THREAD_SAFETY_ANALYSIS
{
    rcu_readers_after_fork_child();
    mutex_init(&reclaim_lock, &reclaim_lock_class);
    cond_init(&reclaim_changed);
    event_init(&work);
    event_init(&hurry);
    atomic_store_explicit(&forks, 0, memory_order_relaxed);
    atomic_store_explicit(&reclaimer_state, RECLAIMER_NONE, memory_order_relaxed);
    taken = batch != NULL;
    done = 0;
}
