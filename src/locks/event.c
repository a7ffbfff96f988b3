/* States: UNSET, SET, and AWAITED, which is unset with sleepers. A waiter turns
 * UNSET to AWAITED before it sleeps, on the value AWAITED; set turns all to SET
 * and wakes only when it was AWAITED. reset turns only SET to UNSET, so
 * AWAITED stays until somebody sets.
 *
 * set releases what came before it; a waiter that sees SET acquires it. Both
 * set and reset are sequentially consistent read-modify-writes even when they
 * change nothing: with work W and event E, "leave W, set E" against "reset E,
 * look for W" must not miss on both sides.
 *
 * analysis/models/event.pml checks this under x86's store buffers. */
#include "locks/event.h"

#include <limits.h>

#include "locks/futex.h"
#include "locks/lockdep.h"

enum { UNSET, SET, AWAITED };

void event_init(struct event *e)
{
    atomic_init(&e->state, UNSET);
}

void event_set(struct event *e)
{
    if (atomic_exchange_explicit(&e->state, SET, memory_order_seq_cst) == AWAITED) {
        futex_wake(&e->state, INT_MAX);
    }
}

void event_reset(struct event *e)
{
    unsigned set = SET;

    if (!atomic_compare_exchange_strong_explicit(&e->state, &set, UNSET, memory_order_seq_cst,
                                                 memory_order_seq_cst)) {
        atomic_thread_fence(memory_order_seq_cst);
    }
}

bool event_is_set(struct event *e)
{
    return atomic_load_explicit(&e->state, memory_order_acquire) == SET;
}

static bool wait(struct event *e, uint64_t abs_ns)
{
    for (;;) {
        unsigned state = atomic_load_explicit(&e->state, memory_order_acquire);

        if (state == UNSET &&
            atomic_compare_exchange_strong_explicit(&e->state, &state, AWAITED,
                                                    memory_order_acquire, memory_order_acquire)) {
            state = AWAITED;
        }
        if (state == SET) {
            return true;
        }
        if (state == AWAITED && !futex_wait(&e->state, AWAITED, abs_ns)) {
            return event_is_set(e);
        }
    }
}

void event_wait_at(struct event *e, const char *site)
{
    lockdep_may_block("waiting for an event", site);
    (void)wait(e, 0);
}

bool event_timedwait_at(struct event *e, uint64_t abs_ns, const char *site)
{
    lockdep_may_block("waiting for an event", site);
    return wait(e, abs_ns ? abs_ns : 1);
}
