/* Correct uses of everything: the analysis has nothing to say. */
#include "account.h"

static void locked(struct account *a) REQUIRES(&a -> lock)
{
    a->balance++;
    *a->history = a->balance;
}

static void as_vcpu(void)
{
    thread_role_enter(&vcpu_role);
    run_guest();
    thread_role_leave(&vcpu_role);
}

static void all_ranks(void)
{
    bql_lock();
    mmap_lock();
    add_mapping();
    mappings++;
    page_lock_pair(1, 2);
    region_lock();
    region_unlock();
    page_unlock_pair(1, 2);
    mmap_unlock();
    bql_unlock();
    flush();
}

static void forks(void)
{
    locks_before_fork();
    mappings++;
    locks_after_fork_parent();
}

void act(struct account *a)
{
    mutex_lock(&a->lock);
    while (a->balance == 0) {
        cond_wait(&a->changed, &a->lock);
    }
    locked(a);
    mutex_unlock(&a->lock);
    if (mutex_trylock(&a->lock)) {
        locked(a);
        mutex_unlock(&a->lock);
    }
    rwlock_read_lock(&a->table_lock);
    int table = a->table;
    rwlock_read_unlock(&a->table_lock);
    rwlock_write_lock(&a->table_lock);
    a->table = table + 1;
    rwlock_write_unlock(&a->table_lock);
    spinlock_lock(&a->spin);
    a->spins++;
    spinlock_unlock(&a->spin);
    mutex_lock(&global_lock);
    global++;
    mutex_unlock(&global_lock);
    as_vcpu();
    all_ranks();
    forks();
}
