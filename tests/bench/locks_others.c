/* What bench_locks compares with: glibc and Concurrency Kit. */
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

#include <ck_epoch.h>
#include <ck_spinlock.h>

#include "locks_subjects.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_spinlock_t spinlock;
static mtx_t mtx;
static ck_spinlock_fas_t ck_lock = CK_SPINLOCK_FAS_INITIALIZER;

static void init(void)
{
    mtx_init(&mtx, mtx_plain);
    pthread_spin_init(&spinlock, PTHREAD_PROCESS_PRIVATE);
}

static void init_once(void)
{
    static once_flag once = ONCE_FLAG_INIT;

    call_once(&once, init);
}

SUBJECT_LOOP(run_mutex, pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))
SUBJECT_LOOP(run_mtx, mtx_lock(&mtx), mtx_unlock(&mtx))
SUBJECT_LOOP(run_rwlock_read, pthread_rwlock_rdlock(&rwlock), pthread_rwlock_unlock(&rwlock))
SUBJECT_LOOP(run_rwlock_write, pthread_rwlock_wrlock(&rwlock), pthread_rwlock_unlock(&rwlock))
SUBJECT_LOOP(run_spin, pthread_spin_lock(&spinlock), pthread_spin_unlock(&spinlock))
SUBJECT_LOOP(run_ck_spin, ck_spinlock_fas_lock(&ck_lock), ck_spinlock_fas_unlock(&ck_lock))

const struct subject pthread_mutex = {.name = "pthread_mutex", .run = run_mutex};
const struct subject c11_mtx = {.name = "mtx_lock", .run = run_mtx, .thread_enter = init_once};
const struct subject pthread_rwlock_read = {.name = "pthread_rwlock", .run = run_rwlock_read};
const struct subject pthread_rwlock_write = {.name = "pthread_rwlock", .run = run_rwlock_write};
const struct subject pthread_spin = {
    .name = "pthread_spin",
    .run = run_spin,
    .thread_enter = init_once,
};
const struct subject ck_spin = {.name = "ck_spinlock", .run = run_ck_spin};

/* Records are never destroyed, only handed on, as ck wants it. */
static ck_epoch_t epoch = {.epoch = 1};
static _Thread_local ck_epoch_record_t *record;

struct deferred {
    ck_epoch_entry_t entry;
};

static void epoch_enter(void)
{
    record = ck_epoch_recycle(&epoch, NULL);
    if (!record) {
        record = aligned_alloc(64, (sizeof(*record) + 63) / 64 * 64);
        if (!record) {
            abort();
        }
        ck_epoch_register(&epoch, record, NULL);
    }
}

static void epoch_leave(void)
{
    ck_epoch_barrier(record);
    ck_epoch_unregister(record);
}

SUBJECT_LOOP(run_epoch, ck_epoch_begin(record, NULL), ck_epoch_end(record, NULL))

static void run_epoch_nested(unsigned n)
{
    ck_epoch_begin(record, NULL);
    run_epoch(n);
    ck_epoch_end(record, NULL);
}

static void run_epoch_wait(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ck_epoch_synchronize(record);
    }
}

static void free_deferred(ck_epoch_entry_t *entry)
{
    free(entry);
}

static void run_epoch_defer(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct deferred *deferred = malloc(sizeof(*deferred));

        if (!deferred) {
            abort();
        }
        ck_epoch_call(record, &deferred->entry, free_deferred);
        if (i % 64 == 0) {
            ck_epoch_poll(record);
        }
    }
    ck_epoch_barrier(record);
}

const struct subject ck_epoch_read = {
    .name = "ck_epoch",
    .run = run_epoch,
    .thread_enter = epoch_enter,
    .thread_leave = epoch_leave,
};
const struct subject ck_epoch_nested = {
    .name = "ck_epoch",
    .run = run_epoch_nested,
    .thread_enter = epoch_enter,
    .thread_leave = epoch_leave,
};
const struct subject ck_epoch_wait = {
    .name = "ck_epoch_synchronize",
    .run = run_epoch_wait,
    .thread_enter = epoch_enter,
    .thread_leave = epoch_leave,
    .read_side = run_epoch,
};
const struct subject ck_epoch_defer = {
    .name = "ck_epoch_call",
    .run = run_epoch_defer,
    .thread_enter = epoch_enter,
    .thread_leave = epoch_leave,
    .read_side = run_epoch,
};
