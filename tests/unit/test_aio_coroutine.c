/* Coroutines, with each backend, and what is built on them. */
#include "aio_test.h"

#include <pthread.h>

#include "aio/aio_co.h"
#include "aio/co_lock.h"
#include "aio/coroutine.h"
#include "aio/iothread.h"
#include "base/tsan.h"
#include "locks/mutex.h"

static char order[64];

static void note(const char *text)
{
    strncat(order, text, 8);
}

static void step_twice(void *opaque)
{
    assert_true(coroutine_in());
    note("a");
    coroutine_yield();
    note("b");
    coroutine_yield();
    note("c");
    *(bool *)opaque = true;
}

static void test_coroutine_goes_on_where_it_yielded(void **state)
{
    bool done = false;
    struct coroutine *co = coroutine_create(step_twice, &done);

    (void)state;
    order[0] = '\0';
    assert_false(coroutine_in());
    assert_false(coroutine_entered(co));
    coroutine_enter(co);
    note("1");
    coroutine_enter(co);
    note("2");
    assert_false(done);
    coroutine_enter(co);
    assert_true(done);
    assert_false(coroutine_in());
    assert_string_equal(order, "a1b2c");
}

static void inner(void *opaque)
{
    (void)opaque;
    note("i");
    coroutine_yield();
    note("j");
}

static void outer(void *opaque)
{
    struct coroutine *co = coroutine_create(inner, NULL);

    (void)opaque;
    note("o");
    coroutine_enter(co);
    note("p");
    coroutine_yield();
    coroutine_enter(co);
    note("q");
}

static void test_coroutines_nest(void **state)
{
    struct coroutine *co = coroutine_create(outer, NULL);

    (void)state;
    order[0] = '\0';
    coroutine_enter(co);
    note("-");
    coroutine_enter(co);
    assert_string_equal(order, "oip-jq");
}

static void sum(void *opaque)
{
    int *total = opaque;
    /* Locals in memory and registers survive. */
    volatile int kept[64];

    for (int i = 0; i < 64; i++) {
        kept[i] = i;
    }
    for (int i = 0; i < 64; i++) {
        coroutine_yield();
        *total += kept[i];
    }
}

#ifdef MORTISE_SANITIZE
#define CROWD  170
#define ROUNDS 1
#else
#define CROWD  300
#define ROUNDS 3
#endif

static void test_more_coroutines_than_the_pools_hold(void **state)
{
    static struct coroutine *co[2 * CROWD];
    int total = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2 * CROWD; i++) {
            co[i] = coroutine_create(sum, &total);
            coroutine_enter(co[i]);
        }
        for (int step = 0; step < 64; step++) {
            for (int i = 0; i < 2 * CROWD; i++) {
                coroutine_enter(co[i]);
            }
        }
    }
    assert_int_equal(total, ROUNDS * 2 * CROWD * 63 * 32);
}

static void bug_yield_outside(void)
{
    coroutine_yield();
}

static void enter_self(void *opaque)
{
    (void)opaque;
    coroutine_enter(coroutine_self());
}

static void bug_enter_running(void)
{
    coroutine_enter(coroutine_create(enter_self, NULL));
}

static void yield_once(void *opaque)
{
    (void)opaque;
    coroutine_yield();
}

static void bug_schedule_twice(void)
{
    struct coroutine *co = coroutine_create(yield_once, NULL);

    coroutine_enter(co);
    aio_co_schedule(test_ctx, co);
    aio_co_schedule(test_ctx, co);
}

static void bug_enter_scheduled(void)
{
    struct coroutine *co = coroutine_create(yield_once, NULL);

    coroutine_enter(co);
    aio_co_schedule(test_ctx, co);
    coroutine_enter(co);
}

static void return_at_once(void *opaque)
{
    (void)opaque;
}

static void bug_enter_returned(void)
{
    struct coroutine *co = coroutine_create(return_at_once, NULL);

    coroutine_enter(co);
    coroutine_enter(co);
}

static void yield_in_callback(void *opaque)
{
    (void)opaque;
    coroutine_yield();
}

static void run_a_callback(void *opaque)
{
    (void)opaque;
    aio_bh_schedule_oneshot(test_ctx, yield_in_callback, NULL);
    (void)test_round(true);
}

static void bug_yield_in_callback(void)
{
    coroutine_enter(coroutine_create(run_a_callback, NULL));
}

static void reschedule(void *opaque)
{
    (void)opaque;
    aio_co_reschedule_self(test_ctx);
}

static void *move_to_loop(void *unused)
{
    coroutine_enter(coroutine_create(reschedule, NULL));
    return unused;
}

static void bug_reschedule_outside(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, move_to_loop, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

static void test_misuse_stops_with_a_sentence(void **state)
{
    (void)state;
    SKIP_WHERE_FORKS_CONFUSE_TSAN();
    assert_stops(bug_yield_outside, "coroutine_yield outside of a coroutine");
    assert_stops(bug_enter_running, "is entered that is running");
    assert_stops(bug_schedule_twice, "bug_schedule_twice schedules a coroutine that");
    assert_stops(bug_enter_scheduled, "is entered that bug_enter_scheduled has scheduled");
    assert_stops(bug_enter_returned, "is entered that has returned");
    assert_stops(bug_yield_in_callback, "yields in a callback of the event loop that it runs");
    assert_stops(bug_reschedule_outside, "aio_co_reschedule_self outside of any event loop");
}

#ifdef MORTISE_LOCKDEP
LOCK_CLASS_DEFINE(held_class, RANK_LEAF);
static struct mutex held = MUTEX_INIT(&held_class);

static void yield_with_lock(void *opaque)
{
    (void)opaque;
    mutex_lock(&held);
    coroutine_yield();
    mutex_unlock(&held);
}

static void bug_yield_with_lock(void)
{
    coroutine_enter(coroutine_create(yield_with_lock, NULL));
}
#endif

static void test_yield_with_a_lock_stops(void **state)
{
    (void)state;
#ifdef MORTISE_LOCKDEP
    assert_stops(bug_yield_with_lock, "yields with a lock that it took");
#else
    skip();
#endif
}

static int dig(int depth)
{
    volatile char hole[1024];

    hole[0] = (char)depth;
    return depth <= 0 ? hole[0] : dig(depth - 1) + hole[0];
}

static void dig_through(void *opaque)
{
    *(int *)opaque = dig(1 << 20);
}

static void bug_overflow(void)
{
    static int result;

    signal(SIGSEGV, SIG_DFL);
    coroutine_enter(coroutine_create(dig_through, &result));
}

static void test_stack_overflow_faults(void **state)
{
    (void)state;
    SKIP_WHERE_FORKS_CONFUSE_TSAN();
    assert_stops(bug_overflow, "");
}

static void count_and_return(void *opaque)
{
    ++*(int *)opaque;
}

static void test_scheduled_coroutine_runs_from_the_loop(void **state)
{
    int runs = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        aio_co_schedule(test_ctx, coroutine_create(count_and_return, &runs));
    }
    assert_int_equal(runs, 0);
    assert_true(test_round(true));
    assert_int_equal(runs, 10);
}

static bool first_waits;
static int second_runs;

/* The first to be entered runs the loop until the second has been. */
static void run_the_loop(void *opaque)
{
    if (!first_waits) {
        first_waits = true;
        for (int i = 0; i < 100 && second_runs == 0; i++) {
            (void)test_round(false);
        }
        assert_int_equal(second_runs, 1);
    } else {
        second_runs++;
    }
    ++*(int *)opaque;
}

static void test_nested_round_enters_the_scheduled_coroutines_that_are_left(void **state)
{
    int runs = 0;

    (void)state;
    first_waits = false;
    second_runs = 0;
    for (int i = 0; i < 2; i++) {
        aio_co_schedule(test_ctx, coroutine_create(run_the_loop, &runs));
    }
    assert_true(test_round(true));
    assert_int_equal(runs, 2);
}

static void bug_free_with_scheduled(void) NO_THREAD_SAFETY_ANALYSIS
{
    aio_co_schedule(test_ctx, coroutine_create(return_at_once, NULL));
    aio_context_leave(test_ctx);
    aio_context_unref(test_ctx);
}

static void test_context_freed_with_a_coroutine_scheduled_stops(void **state)
{
    (void)state;
    SKIP_WHERE_FORKS_CONFUSE_TSAN();
    assert_stops(bug_free_with_scheduled, "is freed with a coroutine scheduled");
}

static struct coroutine *sleeper;

static void sleep_and_note(void *opaque)
{
    (void)opaque;
    note("s");
    coroutine_yield();
    note("w");
}

static void wake_and_note(void *opaque)
{
    (void)opaque;
    aio_co_wake(sleeper);
    note("k"); /* the woken waits until we stop */
}

static void test_wake_in_a_coroutine_waits_until_it_stops(void **state)
{
    (void)state;
    order[0] = '\0';
    sleeper = coroutine_create(sleep_and_note, NULL);
    coroutine_enter(sleeper);
    coroutine_enter(coroutine_create(wake_and_note, NULL));
    assert_string_equal(order, "skw");
}

static void nap(void *opaque)
{
    co_sleep_ns(AIO_CLOCK_HOST, 1000);
    *(bool *)opaque = true;
}

static struct co_sleep long_sleep;

static void nap_long(void *opaque)
{
    co_sleep_ns_wakeable(&long_sleep, AIO_CLOCK_HOST, INT64_C(3600) * AIO_NS_PER_SEC);
    *(bool *)opaque = true;
}

static void test_sleep_ends_by_time_or_by_wake(void **state)
{
    bool done = false;

    (void)state;
    aio_co_enter(test_ctx, coroutine_create(nap, &done));
    while (!done) {
        (void)test_round(true);
    }
    done = false;
    aio_co_enter(test_ctx, coroutine_create(nap_long, &done));
    test_settle();
    assert_false(done);
    co_sleep_wake(&long_sleep);
    assert_true(done);
    co_sleep_wake(&long_sleep);
}

static void nap_for_ever(void *opaque)
{
    co_sleep_ns_wakeable(&long_sleep, AIO_CLOCK_HOST, INT64_MAX);
    *(bool *)opaque = true;
}

static void test_longest_sleep_does_not_overflow(void **state)
{
    bool done = false;

    (void)state;
    aio_co_enter(test_ctx, coroutine_create(nap_for_ever, &done));
    test_settle();
    assert_false(done);
    co_sleep_wake(&long_sleep);
    assert_true(done);
}

static struct co_mutex mutex;
static struct co_queue queue;
static int shared, in_section;

static void lock_across_yield(void *opaque)
{
    for (int i = 0; i < 10; i++) {
        co_mutex_lock(&mutex);
        assert_int_equal(in_section++, 0);
        co_sleep_ns(AIO_CLOCK_HOST, 0);
        shared++;
        in_section--;
        co_mutex_unlock(&mutex);
    }
    ++*(int *)opaque;
}

static void test_co_mutex_excludes_across_yields(void **state)
{
    int done = 0;

    (void)state;
    co_mutex_init(&mutex);
    shared = 0;
    for (int i = 0; i < 5; i++) {
        coroutine_enter(coroutine_create(lock_across_yield, &done));
    }
    while (done < 5) {
        (void)test_round(true);
    }
    assert_int_equal(shared, 50);
    co_mutex_destroy(&mutex);
}

static bool condition;

static void wait_for_condition(void *opaque)
{
    co_mutex_lock(&mutex);
    while (!condition) {
        co_queue_wait(&queue, &mutex);
    }
    note(opaque);
    co_mutex_unlock(&mutex);
}

static void make_condition(void *opaque)
{
    (void)opaque;
    co_mutex_lock(&mutex);
    condition = true;
    co_queue_restart_all(&queue);
    co_mutex_unlock(&mutex);
}

static void test_co_queue_wakes_in_order(void **state)
{
    (void)state;
    order[0] = '\0';
    condition = false;
    co_mutex_init(&mutex);
    co_queue_init(&queue);
    coroutine_enter(coroutine_create(wait_for_condition, "a"));
    coroutine_enter(coroutine_create(wait_for_condition, "b"));
    coroutine_enter(coroutine_create(wait_for_condition, "c"));
    assert_false(co_queue_empty(&queue));
    coroutine_enter(coroutine_create(make_condition, NULL));
    test_settle();
    assert_true(co_queue_empty(&queue));
    assert_string_equal(order, "abc");
    co_mutex_destroy(&mutex);
}

static void unlock_unheld(void *opaque) NO_THREAD_SAFETY_ANALYSIS
{
    (void)opaque;
    co_mutex_init(&mutex);
    co_mutex_unlock(&mutex);
}

static void bug_unlock_unheld(void)
{
    coroutine_enter(coroutine_create(unlock_unheld, NULL));
}

static void lock_twice(void *opaque) NO_THREAD_SAFETY_ANALYSIS
{
    (void)opaque;
    co_mutex_init(&mutex);
    co_mutex_lock(&mutex);
    co_mutex_lock(&mutex);
}

static void bug_lock_twice(void)
{
    coroutine_enter(coroutine_create(lock_twice, NULL));
}

static void bug_lock_outside(void) NO_THREAD_SAFETY_ANALYSIS
{
    co_mutex_init(&mutex);
    co_mutex_lock(&mutex);
}

static void return_with_mutex(void *opaque) NO_THREAD_SAFETY_ANALYSIS
{
    (void)opaque;
    co_mutex_init(&mutex);
    co_mutex_lock(&mutex);
}

static void bug_return_with_mutex(void)
{
    coroutine_enter(coroutine_create(return_with_mutex, NULL));
}

static void test_misuse_of_co_mutex_stops(void **state)
{
    (void)state;
    SKIP_WHERE_FORKS_CONFUSE_TSAN();
    assert_stops(bug_unlock_unheld, "does not hold it");
    assert_stops(bug_lock_twice, "by the coroutine that holds it");
    assert_stops(bug_lock_outside, "co_mutex_lock outside of a coroutine");
    assert_stops(bug_return_with_mutex, "returns with a co-mutex that it holds");
}

static struct iothread *threads[2];
static atomic_int crossings;

#ifdef MORTISE_SANITIZE
#define LAPS 100
#else
#define LAPS 2000
#endif

/* Runs round the contexts, taking the lock on each. */
static void travel(void *opaque)
{
    (void)opaque;
    for (int i = 0; i < LAPS; i++) {
        struct aio_context *to = iothread_get_aio_context(threads[i % 2]);

        aio_co_reschedule_self(to);
        if (!aio_context_is_home(to) || aio_co_context(coroutine_self()) != to) {
            abort();
        }
        co_mutex_lock(&mutex);
        shared++;
        co_mutex_unlock(&mutex);
    }
    atomic_fetch_add(&crossings, 1);
    aio_notify(test_ctx);
}

static void test_coroutines_move_between_threads(void **state)
{
    (void)state;
    shared = 0;
    atomic_store(&crossings, 0);
    co_mutex_init(&mutex);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(iothread_new("io", test_monitor, &threads[i], NULL), 0);
    }
    for (int i = 0; i < 6; i++) {
        aio_co_schedule(i % 3 ? iothread_get_aio_context(threads[i % 2]) : test_ctx,
                        coroutine_create(travel, NULL));
    }
    while (atomic_load(&crossings) < 6) {
        (void)test_round(true);
    }
    for (int i = 0; i < 2; i++) {
        iothread_free(threads[i]);
    }
    assert_int_equal(shared, 6 * LAPS);
    co_mutex_destroy(&mutex);
}

static int run_suite(const char *name)
{
    const struct CMUnitTest tests[] = {
        AIO_TEST(test_coroutine_goes_on_where_it_yielded),
        AIO_TEST(test_coroutines_nest),
        AIO_TEST(test_more_coroutines_than_the_pools_hold),
        AIO_TEST(test_misuse_stops_with_a_sentence),
        AIO_TEST(test_yield_with_a_lock_stops),
        AIO_TEST(test_stack_overflow_faults),
        AIO_TEST(test_scheduled_coroutine_runs_from_the_loop),
        AIO_TEST(test_nested_round_enters_the_scheduled_coroutines_that_are_left),
        AIO_TEST(test_context_freed_with_a_coroutine_scheduled_stops),
        AIO_TEST(test_wake_in_a_coroutine_waits_until_it_stops),
        AIO_TEST(test_sleep_ends_by_time_or_by_wake),
        AIO_TEST(test_longest_sleep_does_not_overflow),
        AIO_TEST(test_co_mutex_excludes_across_yields),
        AIO_TEST(test_co_queue_wakes_in_order),
        AIO_TEST(test_misuse_of_co_mutex_stops),
        AIO_TEST(test_coroutines_move_between_threads),
    };

    return _cmocka_run_group_tests(name, tests, sizeof(tests) / sizeof(tests[0]), NULL, NULL);
}

/* Each backend in a process of its own, before its first coroutine. */
int main(void)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0) {
        coroutine_set_backend(COROUTINE_UCONTEXT);
        exit(run_suite(coroutine_backend_name()));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        return 1;
    }
    return run_suite(coroutine_backend_name());
}
