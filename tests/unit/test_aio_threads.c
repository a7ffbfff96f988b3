/* The thread pool and I/O threads, against each monitor. */
#include "aio_test.h"

#include <pthread.h>

#include "aio/aio_co.h"
#include "aio/iothread.h"
#include "aio/thread_pool.h"
#include "locks/event.h"
#include "locks/thread.h"

static struct thread_pool *pool(void)
{
    aio_context_assert_home(test_ctx);
    return aio_get_thread_pool(test_ctx);
}

static int submit(thread_pool_fn *fn, void *arg, thread_pool_done *done, void *opaque,
                  struct thread_pool_request **request)
{
    aio_context_assert_home(test_ctx);
    return thread_pool_submit_aio(test_ctx, fn, arg, done, opaque, request, NULL);
}

static int work(void *arg)
{
    return atomic_fetch_add((atomic_int *)arg, 1) + 1;
}

static int completions, results;

static void done(void *opaque, int ret)
{
    assert_true(aio_context_is_home(test_ctx));
    ++*(int *)opaque;
    results += ret;
}

static void test_each_request_runs_and_completes_once(void **state)
{
    atomic_int runs = 0;

    (void)state;
    completions = results = 0;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(submit(work, &runs, done, &completions, NULL), 0);
    }
    while (completions < 500) {
        (void)test_round(true);
    }
    test_settle();
    assert_int_equal(completions, 500);
    assert_int_equal(runs, 500);
    assert_int_equal(results, 500 * 501 / 2);
    assert_true(thread_pool_workers(pool()) <= 64);
}

static int wait_event(void *arg)
{
    event_wait(arg);
    return 0;
}

static void test_queued_request_can_be_cancelled_and_running_cannot(void **state)
{
    struct thread_pool_request *first, *second;
    struct event gate = EVENT_INIT;
    atomic_int runs = 0;
    int first_done = 0, second_done = 0;

    (void)state;
    results = 0;
    assert_int_equal(thread_pool_set_params(pool(), 0, 1, AIO_NS_PER_SEC, NULL), 0);
    assert_int_equal(submit(wait_event, &gate, done, &first_done, &first), 0);
    assert_int_equal(submit(work, &runs, done, &second_done, &second), 0);
    assert_true(thread_pool_cancel(second));
    assert_false(thread_pool_cancel(second));
    assert_int_equal(second_done, 0); /* from the loop, not from the cancel */
    while (second_done == 0) {
        (void)test_round(true);
    }
    assert_int_equal(results, -ECANCELED);
    event_set(&gate);
    while (first_done == 0) {
        (void)test_round(true);
    }
    assert_int_equal(runs, 0);
    assert_int_equal(thread_pool_workers(pool()), 1);
}

static void test_workers_leave_when_idle_but_for_the_minimum(void **state)
{
    atomic_int runs = 0;

    (void)state;
    completions = 0;
    assert_int_equal(thread_pool_set_params(pool(), 1, 4, 1000, NULL), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(submit(work, &runs, done, &completions, NULL), 0);
    }
    while (completions < 20) {
        (void)test_round(true);
    }
    while (thread_pool_workers(pool()) > 1) {
        sched_yield();
    }
    assert_int_equal(thread_pool_set_params(pool(), 0, 4, 1000, NULL), 0);
    while (thread_pool_workers(pool()) > 0) {
        sched_yield();
    }
    assert_int_equal(submit(work, &runs, done, &completions, NULL), 0);
    while (completions < 21) {
        (void)test_round(true);
    }
    assert_int_equal(thread_pool_set_params(pool(), 5, 4, 0, NULL), -EINVAL);
    assert_int_equal(thread_pool_set_params(pool(), 0, 0, 0, NULL), -EINVAL);
}

static void test_longest_idle_time_does_not_overflow(void **state)
{
    atomic_int runs = 0;

    (void)state;
    completions = 0;
    assert_int_equal(thread_pool_set_params(pool(), 0, 2, INT64_MAX, NULL), 0);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(submit(work, &runs, done, &completions, NULL), 0);
        while (completions < i) {
            (void)test_round(true);
        }
    }
    assert_true(thread_pool_workers(pool()) > 0);
}

static int set_event(void *arg)
{
    event_set(arg);
    return 0;
}

static void test_queued_work_gets_the_workers_that_a_higher_maximum_allows(void **state)
{
    struct event gate = EVENT_INIT;

    (void)state;
    completions = 0;
    assert_int_equal(thread_pool_set_params(pool(), 0, 1, AIO_NS_PER_SEC, NULL), 0);
    assert_int_equal(submit(wait_event, &gate, done, &completions, NULL), 0);
    assert_int_equal(submit(set_event, &gate, done, &completions, NULL), 0);
    assert_int_equal(thread_pool_set_params(pool(), 0, 2, AIO_NS_PER_SEC, NULL), 0);
    assert_int_equal(thread_pool_workers(pool()), 2);
    while (completions < 2) {
        (void)test_round(true);
    }
}

static void test_workers_beyond_a_lower_maximum_leave_though_work_is_queued(void **state)
{
    struct event gates[3] = {EVENT_INIT, EVENT_INIT, EVENT_INIT};

    (void)state;
    completions = 0;
    assert_int_equal(thread_pool_set_params(pool(), 0, 2, AIO_NS_PER_SEC, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(wait_event, &gates[i], done, &completions, NULL), 0);
    }
    assert_int_equal(thread_pool_workers(pool()), 2);
    assert_int_equal(thread_pool_set_params(pool(), 0, 1, AIO_NS_PER_SEC, NULL), 0);
    event_set(&gates[0]);
    while (completions < 1) {
        (void)test_round(true);
    }
    while (thread_pool_workers(pool()) > 1) {
        sched_yield();
    }
    event_set(&gates[1]);
    event_set(&gates[2]);
    while (completions < 3) {
        (void)test_round(true);
    }
}

static int count_late(void *arg)
{
    sched_yield();
    return work(arg);
}

static void
test_freeing_a_context_waits_for_work_that_nobody_waits_for(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    static atomic_int runs;
    struct aio_context *ctx;

    (void)state;
    atomic_store(&runs, 0);
    assert_int_equal(aio_context_new("work", test_monitor, &ctx, NULL), 0);
    aio_context_enter(ctx);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(thread_pool_submit(ctx, count_late, &runs, NULL), 0);
    }
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    assert_int_equal(runs, 100);
}

static void work_in_coroutine(void *opaque)
{
    static atomic_int runs;

    results = thread_pool_submit_co(work, &runs);
    *(bool *)opaque = true;
}

static void test_coroutine_waits_for_its_work(void **state)
{
    bool finished = false;

    (void)state;
    results = 0;
    aio_co_enter(test_ctx, coroutine_create(work_in_coroutine, &finished));
    while (!finished) {
        (void)test_round(true);
    }
    assert_true(results > 0);
}

static int nested_done;

static void done_and_nest(void *opaque, int ret)
{
    (void)ret;
    ++*(int *)opaque;
    while (nested_done < 3) { /* the completions of the others */
        (void)test_round(true);
    }
}

static void nested(void *opaque, int ret)
{
    (void)opaque, (void)ret;
    nested_done++;
}

static void test_completion_may_wait_for_other_completions(void **state)
{
    atomic_int runs = 0;
    int outer = 0;

    (void)state;
    nested_done = 0;
    assert_int_equal(submit(work, &runs, done_and_nest, &outer, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(work, &runs, nested, NULL, NULL), 0);
    }
    while (runs < 4) {
        sched_yield();
    }
    while (outer == 0) {
        (void)test_round(true);
    }
    assert_int_equal(nested_done, 3);
}

static void wait_for(atomic_int *count, int value)
{
    while (atomic_load(count) < value) {
        sched_yield();
    }
}

static atomic_int bh_runs;

static void count_bh(void *opaque)
{
    thread_role_assert(&iothread_role);
    aio_context_assert_home(opaque);
    atomic_fetch_add(&bh_runs, 1);
}

static void test_iothread_is_the_home_of_its_context(void **state)
{
    struct iothread *io;
    struct aio_context *ctx;

    (void)state;
    atomic_store(&bh_runs, 0);
    assert_int_equal(iothread_new("io0", test_monitor, &io, NULL), 0);
    ctx = iothread_get_aio_context(io);
    assert_false(aio_context_is_home(ctx));
    assert_string_equal(aio_context_name(ctx), "io0");
    aio_bh_schedule_oneshot(ctx, count_bh, ctx);
    wait_for(&bh_runs, 1);
    iothread_free(io);
}

static void test_what_was_scheduled_runs_before_the_thread_ends(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct iothread *io;

        atomic_store(&bh_runs, 0);
        assert_int_equal(iothread_new("io0", test_monitor, &io, NULL), 0);
        for (int i = 0; i < 10; i++) {
            aio_bh_schedule_oneshot(iothread_get_aio_context(io), count_bh,
                                    iothread_get_aio_context(io));
        }
        iothread_free(io);
        assert_int_equal(bh_runs, 10);
    }
}

static gboolean count_source(gpointer opaque)
{
    atomic_fetch_add((atomic_int *)opaque, 1);
    return G_SOURCE_REMOVE;
}

static void test_iothread_runs_a_gmaincontext_on_demand(void **state)
{
    atomic_int runs = 0;
    struct iothread *io;
    GMainContext *glib;
    GSource *source = g_idle_source_new();

    (void)state;
    atomic_store(&bh_runs, 0);
    assert_int_equal(iothread_new("io0", test_monitor, &io, NULL), 0);
    glib = iothread_get_g_main_context(io);
    assert_ptr_equal(glib, iothread_get_g_main_context(io));
    g_source_set_callback(source, count_source, &runs, NULL);
    g_source_attach(source, glib);
    g_source_unref(source);
    wait_for(&runs, 1);
    for (int i = 1; i <= 20; i++) {
        aio_bh_schedule_oneshot(iothread_get_aio_context(io), count_bh,
                                iothread_get_aio_context(io));
        wait_for(&bh_runs, i);
    }
    iothread_free(io);
}

static void test_parameters_change_while_it_runs(void **state)
{
    struct iothread *io;
    cpu_set_t cpus, wrong;

    (void)state;
    assert_int_equal(iothread_new("io0", test_monitor, &io, NULL), 0);
    assert_int_equal(iothread_set_poll_params(io, 50000, 2, 2, NULL), 0);
    assert_int_equal(iothread_set_poll_params(io, -1, 0, 0, NULL), -EINVAL);
    assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    assert_int_equal(iothread_set_affinity(io, &cpus, NULL), 0);
    CPU_ZERO(&wrong);
    assert_int_equal(iothread_set_affinity(io, &wrong, NULL), -EINVAL);
    iothread_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AIO_TEST(test_each_request_runs_and_completes_once),
        AIO_TEST(test_queued_request_can_be_cancelled_and_running_cannot),
        AIO_TEST(test_workers_leave_when_idle_but_for_the_minimum),
        AIO_TEST(test_longest_idle_time_does_not_overflow),
        AIO_TEST(test_queued_work_gets_the_workers_that_a_higher_maximum_allows),
        AIO_TEST(test_workers_beyond_a_lower_maximum_leave_though_work_is_queued),
        AIO_TEST(test_freeing_a_context_waits_for_work_that_nobody_waits_for),
        AIO_TEST(test_coroutine_waits_for_its_work),
        AIO_TEST(test_completion_may_wait_for_other_completions),
        AIO_TEST(test_iothread_is_the_home_of_its_context),
        AIO_TEST(test_what_was_scheduled_runs_before_the_thread_ends),
        AIO_TEST(test_iothread_runs_a_gmaincontext_on_demand),
        AIO_TEST(test_parameters_change_while_it_runs),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
