/* Timers, on a virtual clock that the test moves by hand, so that nothing
 * depends on how fast the machine is. */
#include "aio_test.h"

#include <pthread.h>

#include "aio/glib_source.h"
#include "aio/timer.h"

static _Atomic(int64_t) now;

static int64_t read_now(void)
{
    return atomic_load(&now);
}

static int setup(void **state)
{
    atomic_store(&now, 1000);
    aio_clock_set_virtual_source(read_now);
    aio_clock_set_virtual_running(true);
    return test_setup(state);
}

static int teardown(void **state)
{
    aio_clock_set_virtual_running(false);
    aio_clock_set_virtual_source(NULL);
    return test_teardown(state);
}

static char order[64];

static void note(void *opaque)
{
    strncat(order, opaque, 1);
}

static void advance(int64_t to)
{
    atomic_store(&now, to);
    test_settle();
}

static void test_timers_run_in_the_order_of_their_times(void **state)
{
    struct aio_timer t[4];
    static char names[] = "abcd";

    (void)state;
    order[0] = '\0';
    for (int i = 0; i < 4; i++) {
        aio_timer_init(&t[i], test_ctx, AIO_CLOCK_VIRTUAL, note, &names[i]);
    }
    aio_timer_mod(&t[0], 3000);
    aio_timer_mod(&t[1], 1500);
    aio_timer_mod(&t[2], 2000);
    aio_timer_mod(&t[3], 9000);
    advance(1499);
    assert_string_equal(order, "");
    assert_true(aio_timer_pending(&t[1]));
    assert_int_equal(aio_timer_expire_ns(&t[1]), 1500);
    advance(1500);
    assert_string_equal(order, "b");
    assert_false(aio_timer_pending(&t[1]));
    advance(5000);
    assert_string_equal(order, "bca");
    aio_timer_del(&t[3]);
    advance(10000);
    assert_string_equal(order, "bca");
}

static void test_later_mod_replaces_and_anticipate_only_hastens(void **state)
{
    struct aio_timer t;

    (void)state;
    aio_timer_init(&t, test_ctx, AIO_CLOCK_VIRTUAL, note, "x");
    aio_timer_mod(&t, 2000);
    aio_timer_mod(&t, 4000);
    assert_int_equal(aio_timer_expire_ns(&t), 4000);
    aio_timer_mod_anticipate(&t, 5000);
    assert_int_equal(aio_timer_expire_ns(&t), 4000);
    aio_timer_mod_anticipate(&t, 3000);
    assert_int_equal(aio_timer_expire_ns(&t), 3000);
    aio_timer_del(&t);
    assert_int_equal(aio_timer_expire_ns(&t), -1);
    aio_timer_del(&t);
}

static struct aio_timer self_timer, other_timer;
static int self_runs;

static void rearm_in_the_past(void *opaque)
{
    (void)opaque;
    if (++self_runs < 3) {
        aio_timer_mod(&self_timer, 0);
    }
}

static void test_timer_rearmed_in_the_past_waits_for_the_next_round(void **state)
{
    (void)state;
    self_runs = 0;
    aio_timer_init(&self_timer, test_ctx, AIO_CLOCK_VIRTUAL, rearm_in_the_past, NULL);
    aio_timer_mod(&self_timer, 500);
    for (int i = 1; i <= 3; i++) {
        assert_true(test_round(true));
        assert_int_equal(self_runs, i);
    }
    assert_false(test_round(false));
}

static void delete_other(void *opaque)
{
    note(opaque);
    aio_timer_del(&other_timer);
}

static void test_due_timer_deleted_by_another_does_not_run(void **state)
{
    (void)state;
    order[0] = '\0';
    aio_timer_init(&self_timer, test_ctx, AIO_CLOCK_VIRTUAL, delete_other, "a");
    aio_timer_init(&other_timer, test_ctx, AIO_CLOCK_VIRTUAL, note, "b");
    aio_timer_mod(&self_timer, 100);
    aio_timer_mod(&other_timer, 200);
    test_settle();
    assert_string_equal(order, "a");
    assert_false(aio_timer_pending(&other_timer));
}

static void nest(void *opaque)
{
    strncat(order, "(", 2);
    (void)test_round(true);
    strncat(order, ")", 2);
    (void)opaque;
}

static void test_nested_round_runs_the_due_timers_that_are_left(void **state)
{
    (void)state;
    order[0] = '\0';
    aio_timer_init(&self_timer, test_ctx, AIO_CLOCK_VIRTUAL, nest, NULL);
    aio_timer_init(&other_timer, test_ctx, AIO_CLOCK_VIRTUAL, note, "b");
    aio_timer_mod(&self_timer, 100);
    aio_timer_mod(&other_timer, 200);
    test_settle();
    assert_string_equal(order, "(b)");
}

static void test_stopped_clock_holds_its_timers(void **state)
{
    struct aio_timer t;

    (void)state;
    order[0] = '\0';
    aio_timer_init(&t, test_ctx, AIO_CLOCK_VIRTUAL, note, "x");
    aio_clock_set_virtual_running(false);
    aio_timer_mod(&t, 100);
    test_settle();
    assert_string_equal(order, "");
    aio_clock_set_virtual_running(true);
    assert_true(test_round(true));
    assert_string_equal(order, "x");
}

static void test_default_virtual_clock_stands_while_stopped(void **state)
{
    int64_t first, second;

    (void)state;
    aio_clock_set_virtual_running(false);
    aio_clock_set_virtual_source(NULL);
    first = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    second = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    assert_int_equal(first, second);
    aio_clock_set_virtual_running(true);
    while (aio_clock_get_ns(AIO_CLOCK_VIRTUAL) == first) {
    }
    aio_clock_set_virtual_running(false);
    second = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    assert_true(second > first);
    assert_int_equal(aio_clock_get_ns(AIO_CLOCK_VIRTUAL), second);
}

static void run_until_ordered(const char *expected)
{
    while (strlen(order) < strlen(expected)) {
        (void)test_round(true);
    }
    assert_string_equal(order, expected);
}

static void test_deadline_of_each_host_clock_ends_the_wait(void **state)
{
    struct aio_timer a, b;

    (void)state;
    order[0] = '\0';
    aio_timer_init(&a, test_ctx, AIO_CLOCK_HOST, note, "a");
    aio_timer_init(&b, test_ctx, AIO_CLOCK_REALTIME, note, "b");
    aio_timer_mod(&a, aio_clock_get_ns(AIO_CLOCK_HOST) + 300000);
    run_until_ordered("a");
    aio_timer_mod(&b, aio_clock_get_ns(AIO_CLOCK_REALTIME) + 300000);
    run_until_ordered("ab");
}

static void *arm_it(void *opaque)
{
    aio_timer_mod(opaque, aio_clock_get_ns(AIO_CLOCK_HOST));
    return NULL;
}

static void test_timer_armed_by_another_thread_ends_the_wait(void **state)
{
    struct aio_timer t;
    pthread_t thread;

    (void)state;
    order[0] = '\0';
    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, note, "a");
    assert_int_equal(pthread_create(&thread, NULL, arm_it, &t), 0);
    run_until_ordered("a");
    pthread_join(thread, NULL);
}

/* Its time is never, and with it each way to wait works. */
static void test_latest_timer_does_not_overflow(void **state)
{
    GMainContext *glib = g_main_context_new();
    GSource *source = aio_get_g_source(test_ctx);
    struct aio_timer t, last;

    (void)state;
    order[0] = '\0';
    atomic_store(&now, 0);
    aio_timer_init(&t, test_ctx, AIO_CLOCK_VIRTUAL, note, "x");
    aio_timer_mod(&t, INT64_MAX - 1);
    aio_timer_init(&last, test_ctx, AIO_CLOCK_VIRTUAL, note, "y");
    aio_timer_mod(&last, INT64_MAX);
    test_settle();
    g_source_attach(source, glib);
    (void)g_main_context_iteration(glib, FALSE);
    aio_notify(test_ctx);
    (void)g_main_context_iteration(glib, TRUE);
    g_source_destroy(source);
    g_source_unref(source);
    g_main_context_unref(glib);
    aio_notify(test_ctx);
    (void)test_round(true);
    assert_string_equal(order, "");
    aio_timer_del(&t);
    aio_timer_del(&last);
}

#define MANY 2000

static int64_t last_key;
static int many_runs;
static bool disordered;

static void check_key(void *opaque)
{
    int64_t key = *(int64_t *)opaque;

    disordered |= key < last_key;
    last_key = key;
    many_runs++;
}

/* Random times, a third deleted, a third moved: what is left comes in order. */
static void test_heap_keeps_many_in_order(void **state)
{
    static struct aio_timer t[MANY];
    static int64_t keys[MANY];
    unsigned seed = 12345;
    int expected = 0;

    (void)state;
    last_key = 0;
    many_runs = 0;
    disordered = false;
    for (int i = 0; i < MANY; i++) {
        aio_timer_init(&t[i], test_ctx, AIO_CLOCK_VIRTUAL, check_key, &keys[i]);
        keys[i] = 2000 + rand_r(&seed) % 100000;
        aio_timer_mod(&t[i], keys[i]);
    }
    for (int i = 0; i < MANY; i++) {
        switch (rand_r(&seed) % 3) {
        case 0:
            aio_timer_del(&t[i]);
            continue;
        case 1:
            keys[i] = 2000 + rand_r(&seed) % 100000;
            aio_timer_mod(&t[i], keys[i]);
        }
        expected++;
    }
    for (int64_t to = 2000; to < 110000; to += 777) {
        advance(to);
    }
    assert_false(disordered);
    assert_int_equal(many_runs, expected);
}

static void test_late_timers_are_seen_from_outside(void **state)
{
    struct aio_timer t;
    static char name[] = "a";

    (void)state;
    aio_timer_init(&t, test_ctx, AIO_CLOCK_VIRTUAL, note, name);
    assert_false(aio_timers_are_late(test_ctx, 0));
    aio_timer_mod(&t, 2000);
    atomic_store(&now, 2500);
    assert_true(aio_timers_are_late(test_ctx, 499));
    assert_false(aio_timers_are_late(test_ctx, 500));
    aio_clock_set_virtual_running(false);
    assert_false(aio_timers_are_late(test_ctx, 0));
    aio_clock_set_virtual_running(true);
    advance(3000);
    assert_false(aio_timers_are_late(test_ctx, 0));
    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, note, name);
    aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) - 1000);
    assert_true(aio_timers_are_late(test_ctx, 1));
    aio_timer_del(&t);
    assert_false(aio_timers_are_late(test_ctx, 1));
}

#define TIMER_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMER_TEST(test_timers_run_in_the_order_of_their_times),
        TIMER_TEST(test_later_mod_replaces_and_anticipate_only_hastens),
        TIMER_TEST(test_timer_rearmed_in_the_past_waits_for_the_next_round),
        TIMER_TEST(test_due_timer_deleted_by_another_does_not_run),
        TIMER_TEST(test_nested_round_runs_the_due_timers_that_are_left),
        TIMER_TEST(test_stopped_clock_holds_its_timers),
        TIMER_TEST(test_default_virtual_clock_stands_while_stopped),
        TIMER_TEST(test_deadline_of_each_host_clock_ends_the_wait),
        TIMER_TEST(test_timer_armed_by_another_thread_ends_the_wait),
        TIMER_TEST(test_latest_timer_does_not_overflow),
        TIMER_TEST(test_late_timers_are_seen_from_outside),
        TIMER_TEST(test_heap_keeps_many_in_order),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
