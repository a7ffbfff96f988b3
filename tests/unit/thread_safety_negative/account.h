/* What the snippets of this folder do wrong things to. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "locks/fork.h"
#include "locks/cond.h"
#include "locks/mutex.h"
#include "locks/rec_mutex.h"
#include "locks/rwlock.h"
#include "locks/spinlock.h"
#include "locks/thread.h"

struct account {
    struct mutex lock;
    int balance GUARDED_BY(&lock);
    int *history PT_GUARDED_BY(&lock);
    struct rwlock table_lock;
    int table GUARDED_BY(&table_lock);
    struct spinlock spin;
    int spins GUARDED_BY(&spin);
    struct cond changed;
};

extern struct mutex global_lock;
extern int global GUARDED_BY(&global_lock);
extern int mappings GUARDED_BY(mmap_lock_cap);

void add_mapping(void) REQUIRES(mmap_lock_cap);
void flush(void) EXCLUDES(mmap_lock_cap);
void run_guest(void) REQUIRES(vcpu_role);

void act(struct account *a);

#endif
