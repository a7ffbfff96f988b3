/* A vCPU whose guest watches its clock waits for timers that are overdue. */
#include "hw_test.h"

#include <pthread.h>

#include "aio/timer.h"
#include "hw/pace.h"

static struct aio_timer timer;
static unsigned expired;

static void on_timer(void *opaque)
{
    (void)opaque;
    expired++;
}

static int setup(void **state)
{
    (void)state;
    test_forget();
    test_watch_ns = 0;
    expired = 0;
    atomic_store(&test_cpu[0].exit_request, CPU_EXIT_CLOCK);
    aio_timer_init(&timer, main_loop_context(), AIO_CLOCK_VIRTUAL, on_timer, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    aio_timer_del(&timer);
    return 0;
}

/* How long it took, in ns of the host. */
static int64_t pace(void)
{
    int64_t start = aio_clock_get_ns(AIO_CLOCK_HOST);

    pace_on_request(&test_cpu[0]);
    return aio_clock_get_ns(AIO_CLOCK_HOST) - start;
}

static void *pace_on_thread(void *opaque)
{
    (void)opaque;
    (void)pace();
    return NULL;
}

static void test_without_overdue_timers_it_looks_again_soon(void **state)
{
    (void)state;
    aio_timer_mod(&timer, test_now);
    test_now += PACE_LATE_NS; /* not more than that */
    (void)pace();
    assert_int_equal(test_watch_ns, PACE_LOOK_NS);
    assert_int_equal(test_cpu[0].exit_request, 0);
}

static void test_other_requests_are_left_alone(void **state)
{
    (void)state;
    atomic_store(&test_cpu[0].exit_request, CPU_EXIT_WORK);
    (void)pace();
    assert_int_equal(test_watch_ns, 0);
    assert_int_equal(test_cpu[0].exit_request, CPU_EXIT_WORK);
}

static void test_it_waits_until_the_main_loop_has_run_the_timer(void **state)
{
    pthread_t thread;
    (void)state;

    bql_assert_locked();
    aio_timer_mod(&timer, test_now);
    test_now += PACE_LATE_NS + 1;
    assert_int_equal(pthread_create(&thread, NULL, pace_on_thread, NULL), 0);
    test_advance(1, 1);
    assert_int_equal(expired, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(test_watch_ns, PACE_LOOK_NS);
}

static void test_it_waits_no_longer_than_its_limit_and_then_not_for_as_long(void **state)
{
    (void)state;
    aio_timer_mod(&timer, test_now);
    test_now += PACE_LATE_NS + 1;
    assert_true(pace() >= PACE_WAIT_NS);
    assert_int_equal(expired, 0);
    assert_int_equal(test_watch_ns, PACE_WAIT_NS);
}

static void test_a_request_ends_the_wait(void **state)
{
    (void)state;
    aio_timer_mod(&timer, test_now);
    test_now += PACE_LATE_NS + 1;
    atomic_fetch_or(&test_cpu[0].exit_request, CPU_EXIT_STOP);
    (void)pace();
    assert_int_equal(test_watch_ns, PACE_LOOK_NS);
    assert_int_equal(test_cpu[0].exit_request, CPU_EXIT_STOP);
}

/* The machine is stopped: nothing is due. */
static void test_it_does_not_wait_for_a_clock_that_stands(void **state)
{
    (void)state;
    aio_timer_mod(&timer, test_now);
    test_now += PACE_LATE_NS + 1;
    aio_clock_set_virtual_running(false);
    (void)pace();
    aio_clock_set_virtual_running(true);
    assert_int_equal(test_watch_ns, PACE_LOOK_NS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_without_overdue_timers_it_looks_again_soon),
        TEST(test_other_requests_are_left_alone),
        TEST(test_it_waits_until_the_main_loop_has_run_the_timer),
        TEST(test_it_waits_no_longer_than_its_limit_and_then_not_for_as_long),
        TEST(test_a_request_ends_the_wait),
        TEST(test_it_does_not_wait_for_a_clock_that_stands),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
