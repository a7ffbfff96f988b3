/* What bench_locks measures: each subject runs an operation n times, on the
 * calling thread, with whatever the operation works on in static storage. */
#ifndef TESTS_BENCH_LOCKS_SUBJECTS_H
#define TESTS_BENCH_LOCKS_SUBJECTS_H

#include <stdatomic.h>

struct subject {
    const char *name;
    void (*run)(unsigned n);
    void (*thread_enter)(void);    /* by each thread before it uses the subject; NULL: nothing */
    void (*thread_leave)(void);    /* and after */
    void (*read_side)(unsigned n); /* what the reader beside an updater runs; NULL: none */
};

/* One empty section per round; the fence keeps the compiler from merging
 * rounds and costs nothing. */
#define SUBJECT_LOOP(name, enter, leave)                                                           \
    static void name(unsigned n)                                                                   \
    {                                                                                              \
        for (unsigned i = 0; i < n; i++) {                                                         \
            enter;                                                                                 \
            atomic_signal_fence(memory_order_seq_cst);                                             \
            leave;                                                                                 \
        }                                                                                          \
    }

extern const struct subject mortise_mutex, mortise_rwlock_read, mortise_rwlock_write,
    mortise_spinlock, mortise_rcu_read, mortise_rcu_nested, mortise_rcu_synchronize,
    mortise_rcu_call;
extern const struct subject pthread_mutex, c11_mtx, pthread_rwlock_read, pthread_rwlock_write,
    pthread_spin, ck_spin;
extern const struct subject ck_epoch_read, ck_epoch_nested, ck_epoch_wait, ck_epoch_defer;
extern const struct subject urcu_read, urcu_nested, urcu_synchronize, urcu_call;

#endif
