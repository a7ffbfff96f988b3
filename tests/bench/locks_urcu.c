/* What bench_locks compares with: liburcu, the membarrier flavour. Its read side
 * is inlined as ours is. In a file of its own because it has our names, too. */
#include <stdlib.h>

#define _LGPL_SOURCE
#include <urcu/urcu-memb.h>

#include "locks_subjects.h"

SUBJECT_LOOP(run_read, urcu_memb_read_lock(), urcu_memb_read_unlock())

static void run_nested(unsigned n)
{
    urcu_memb_read_lock();
    run_read(n);
    urcu_memb_read_unlock();
}

static void run_synchronize(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        urcu_memb_synchronize_rcu();
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
        urcu_memb_call_rcu(head, free_head);
    }
    urcu_memb_barrier();
}

const struct subject urcu_read = {
    .name = "liburcu-memb",
    .run = run_read,
    .thread_enter = urcu_memb_register_thread,
    .thread_leave = urcu_memb_unregister_thread,
};
const struct subject urcu_nested = {
    .name = "liburcu-memb",
    .run = run_nested,
    .thread_enter = urcu_memb_register_thread,
    .thread_leave = urcu_memb_unregister_thread,
};
const struct subject urcu_synchronize = {
    .name = "liburcu-memb synchronize_rcu",
    .run = run_synchronize,
    .thread_enter = urcu_memb_register_thread,
    .thread_leave = urcu_memb_unregister_thread,
    .read_side = run_read,
};
const struct subject urcu_call = {
    .name = "liburcu-memb call_rcu",
    .run = run_call,
    .thread_enter = urcu_memb_register_thread,
    .thread_leave = urcu_memb_unregister_thread,
    .read_side = run_read,
};
