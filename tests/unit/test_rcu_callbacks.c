/* call_rcu and rcu_barrier. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "rcu/pointer.h"
#include "rcu/rcu.h"

#ifdef MORTISE_SANITIZE
#define CALLS 5000u
#else
#define CALLS 100000u
#endif
#define CALLERS 3

struct call {
    struct rcu_head rcu;
    unsigned caller, number;
};

#define CALL_OF(head) ((struct call *)(void *)((char *)(head) - offsetof(struct call, rcu)))

static atomic_uint ran;
static unsigned expected[CALLERS]; /* by the reclaimer: number of each caller's next callback */
static atomic_uint out_of_order;

static struct call *call_new(unsigned caller, unsigned number)
{
    struct call *call = malloc(sizeof(*call));

    if (!call) {
        abort();
    }
    call->caller = caller;
    call->number = number;
    return call;
}

static void note_order(struct rcu_head *head)
{
    struct call *call = CALL_OF(head);

    if (call->number != expected[call->caller]++) {
        atomic_fetch_add(&out_of_order, 1);
    }
    atomic_fetch_add(&ran, 1);
    free(call);
}

static void *call_many(void *opaque)
{
    unsigned caller = *(unsigned *)opaque;

    for (unsigned i = 0; i < CALLS; i++) {
        call_rcu(&call_new(caller, i)->rcu, note_order);
        if (i % 1000 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void test_callbacks_of_a_thread_run_once_and_in_order(void **state)
{
    pthread_t callers[CALLERS];
    unsigned numbers[CALLERS];

    (void)state;
    for (unsigned i = 0; i < CALLERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&callers[i], NULL, call_many, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < CALLERS; i++) {
        pthread_join(callers[i], NULL);
    }
    rcu_barrier();
    assert_int_equal(ran, CALLERS * CALLS);
    assert_int_equal(out_of_order, 0);
}

static void set_flag(struct rcu_head *head)
{
    struct call *call = CALL_OF(head);

    call->number = 1;
}

static void *barrier_after_call(void *opaque)
{
    atomic_uint *missing = opaque;

    for (int i = 0; i < 30; i++) {
        struct call *call = call_new(0, 0);

        call_rcu(&call->rcu, set_flag);
        rcu_barrier();
        if (call->number != 1) {
            atomic_fetch_add(missing, 1);
        }
        free(call);
    }
    return NULL;
}

static void test_barriers_of_several_threads_each_wait_for_their_callbacks(void **state)
{
    atomic_uint missing = 0;
    pthread_t threads[4];

    (void)state;
    rcu_barrier();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, barrier_after_call, &missing), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(missing, 0);
}

static void call_again(struct rcu_head *head)
{
    struct call *call = CALL_OF(head);

    atomic_fetch_add(&ran, 1);
    if (--call->number > 0) {
        call_rcu(head, call_again);
    } else {
        free(call);
    }
}

static void test_a_callback_may_call_again(void **state)
{
    (void)state;
    atomic_store(&ran, 0);
    call_rcu(&call_new(0, 5)->rcu, call_again);
    while (atomic_load(&ran) < 5) {
        rcu_barrier();
    }
}

static void use_rcu(struct rcu_head *head)
{
    rcu_read_lock();
    rcu_read_unlock();
    synchronize_rcu();
    set_flag(head);
}

static void test_a_callback_may_read_and_wait_for_a_grace_period(void **state)
{
    struct call *call = call_new(0, 0);

    (void)state;
    call_rcu(&call->rcu, use_rcu);
    rcu_barrier();
    assert_int_equal(call->number, 1);
    free(call);
}

static void test_a_callback_waits_for_the_section_that_queued_it(void **state)
{
    struct call *call = call_new(0, 0);

    (void)state;
    rcu_read_lock();
    call_rcu(&call->rcu, set_flag);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(__atomic_load_n(&call->number, __ATOMIC_RELAXED), 0);
        sched_yield();
    }
    rcu_read_unlock();
    rcu_barrier();
    assert_int_equal(call->number, 1);
    free(call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_callbacks_of_a_thread_run_once_and_in_order),
        cmocka_unit_test(test_barriers_of_several_threads_each_wait_for_their_callbacks),
        cmocka_unit_test(test_a_callback_may_call_again),
        cmocka_unit_test(test_a_callback_may_read_and_wait_for_a_grace_period),
        cmocka_unit_test(test_a_callback_waits_for_the_section_that_queued_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
