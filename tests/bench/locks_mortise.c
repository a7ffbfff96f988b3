/* Mortise's own locks and RCU, for bench_locks. */
#include <stdlib.h>

#include "locks/mutex.h"
#include "locks/rwlock.h"
#include "locks/spinlock.h"
#include "rcu/rcu.h"

#include "locks_subjects.h"

LOCK_CLASS_DEFINE(bench_mutex_class, RANK_LEAF);
LOCK_CLASS_DEFINE(bench_rwlock_class, RANK_LEAF);
LOCK_CLASS_DEFINE(bench_spinlock_class, RANK_LEAF);

static struct mutex mutex = MUTEX_INIT(&bench_mutex_class);
static struct rwlock rwlock = RWLOCK_INIT(&bench_rwlock_class);
static struct spinlock spinlock = SPINLOCK_INIT(&bench_spinlock_class);

SUBJECT_LOOP(run_mutex, mutex_lock(&mutex), mutex_unlock(&mutex))
SUBJECT_LOOP(run_rwlock_read, rwlock_read_lock(&rwlock), rwlock_read_unlock(&rwlock))
SUBJECT_LOOP(run_rwlock_write, rwlock_write_lock(&rwlock), rwlock_write_unlock(&rwlock))
SUBJECT_LOOP(run_spinlock, spinlock_lock(&spinlock), spinlock_unlock(&spinlock))
SUBJECT_LOOP(run_rcu_read, rcu_read_lock(), rcu_read_unlock())

/* The loop is one section, each round a nested one. */
static void run_rcu_nested(unsigned n) NO_THREAD_SAFETY_ANALYSIS
{
    rcu_read_lock();
    run_rcu_read(n);
    rcu_read_unlock();
}

static void run_synchronize(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        synchronize_rcu();
    }
}

static void free_head(struct rcu_head *head)
{
    free(head);
}

static void run_call(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct rcu_head *head = malloc(sizeof(*head));

        if (!head) {
            abort();
        }
        call_rcu(head, free_head);
    }
    rcu_barrier();
}

const struct subject mortise_mutex = {.name = "mortise mutex", .run = run_mutex};
const struct subject mortise_rwlock_read = {.name = "mortise rwlock", .run = run_rwlock_read};
const struct subject mortise_rwlock_write = {.name = "mortise rwlock", .run = run_rwlock_write};
const struct subject mortise_spinlock = {.name = "mortise spinlock", .run = run_spinlock};
const struct subject mortise_rcu_read = {
    .name = "mortise rcu",
    .run = run_rcu_read,
    .thread_enter = rcu_register_thread,
    .thread_leave = rcu_unregister_thread,
};
const struct subject mortise_rcu_nested = {
    .name = "mortise rcu",
    .run = run_rcu_nested,
    .thread_enter = rcu_register_thread,
    .thread_leave = rcu_unregister_thread,
};
const struct subject mortise_rcu_synchronize = {
    .name = "mortise synchronize_rcu",
    .run = run_synchronize,
    .thread_enter = rcu_register_thread,
    .thread_leave = rcu_unregister_thread,
    .read_side = run_rcu_read,
};
const struct subject mortise_rcu_call = {
    .name = "mortise call_rcu",
    .run = run_call,
    .thread_enter = rcu_register_thread,
    .thread_leave = rcu_unregister_thread,
    .read_side = run_rcu_read,
};
