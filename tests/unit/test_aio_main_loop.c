/* The main loop, waiting in it, signals, and a context in a foreign GMainLoop,
 * against each monitor. */
#include "aio_test.h"

#include <pthread.h>

#include "aio/aio_co.h"
#include "aio/glib_source.h"
#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "aio/signals.h"
#include "aio/timer.h"
#include "aio/wait.h"

static int main_setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err = {""};

    (void)state;
    thread_role_enter(&main_loop_role);
    bql_lock();
    if (main_loop_init(test_monitor, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int main_teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        main_loop_wait(true);
    }
    main_loop_cleanup();
    bql_unlock();
    thread_role_leave(&main_loop_role);
    return 0;
}

/* The tests run on the main loop's thread, under the BQL. */
static void on_main(void) ASSERT_CAPABILITY(main_loop_role)
    ASSERT_CAPABILITY(bql) NO_THREAD_SAFETY_ANALYSIS
{
    thread_role_assert(&main_loop_role);
    bql_assert_locked();
}

static void free_without_bql(struct iothread *io) NO_THREAD_SAFETY_ANALYSIS
{
    bql_unlock();
    iothread_free(io);
    bql_lock();
}

static void count(void *opaque)
{
    bql_assert_locked();
    ++*(int *)opaque;
}

static void quit(void *opaque)
{
    count(opaque);
    main_loop_quit();
}

static void test_one_wait_serves_both_contexts_and_glib(void **state)
{
    int runs = 0, handlers = 0, timers = 0;
    struct aio_timer t;

    (void)state;
    on_main();
    aio_bh_schedule_oneshot(main_loop_context(), count, &runs);
    aio_bh_schedule_oneshot(main_loop_iohandler_context(), count, &handlers);
    aio_timer_init(&t, main_loop_context(), AIO_CLOCK_HOST, quit, &timers);
    aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) + 200000);
    main_loop_run();
    assert_int_equal(runs, 1);
    assert_int_equal(handlers, 1);
    assert_int_equal(timers, 1);
}

static atomic_bool had_bql;

static void *take_bql(void *opaque)
{
    bql_lock();
    atomic_store(&had_bql, true);
    bql_unlock();
    aio_bh_schedule_oneshot(main_loop_context(), quit, opaque);
    return NULL;
}

static void test_bql_is_free_while_the_loop_waits(void **state)
{
    pthread_t thread;
    int runs = 0;

    (void)state;
    on_main();
    atomic_store(&had_bql, false);
    assert_int_equal(pthread_create(&thread, NULL, take_bql, &runs), 0);
    main_loop_run();
    assert_true(had_bql);
    assert_int_equal(runs, 1);
    pthread_join(thread, NULL);
}

static void *call_quit(void *unused)
{
    main_loop_quit();
    return unused;
}

static void test_quit_from_another_thread_is_not_lost(void **state)
{
    pthread_t thread;

    (void)state;
    on_main();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, call_quit, NULL), 0);
        main_loop_run();
        pthread_join(thread, NULL);
    }
}

/* Needs the BQL on the I/O thread while the main loop waits for it. */
static void with_bql(void *opaque)
{
    bql_lock();
    ++*(int *)opaque;
    bql_unlock();
}

static void test_waiting_for_an_iothread_does_not_hold_it_up(void **state)
{
    struct iothread *io;
    int runs = 0, handlers = 0;

    (void)state;
    on_main();
    assert_int_equal(iothread_new("io", test_monitor, &io, NULL), 0);
    aio_bh_schedule_oneshot(main_loop_iohandler_context(), count, &handlers);
    for (int i = 1; i <= 100; i++) {
        aio_wait_bh_oneshot(iothread_get_aio_context(io), with_bql, &runs);
        assert_int_equal(runs, i);
    }
    assert_int_equal(handlers, 0); /* never in a nested round */
    main_loop_wait(false);
    assert_int_equal(handlers, 1);
    free_without_bql(io);
}

static atomic_int stage;

static void advance(void *opaque)
{
    if (atomic_fetch_add(&stage, 1) < 49) {
        aio_bh_schedule_oneshot(opaque, advance, opaque);
    }
    aio_wait_kick();
}

static void test_wait_while_sees_each_kick(void **state)
{
    struct iothread *io;

    (void)state;
    on_main();
    atomic_store(&stage, 0);
    assert_int_equal(iothread_new("io", test_monitor, &io, NULL), 0);
    aio_bh_schedule_oneshot(iothread_get_aio_context(io), advance, iothread_get_aio_context(io));
    for (int i = 1; i <= 50; i++) {
        AIO_WAIT_WHILE(iothread_get_aio_context(io), atomic_load(&stage) < i);
    }
    free_without_bql(io);
}

static void nothing(void *opaque)
{
    (void)opaque;
}

static void *wait_elsewhere(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    aio_wait_bh_oneshot(main_loop_context(), nothing, NULL);
    return unused;
}

static void bug_wait_elsewhere(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_elsewhere, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

static void test_waiting_on_a_thread_without_the_role_stops(void **state)
{
    (void)state;
    SKIP_WHERE_FORKS_CONFUSE_TSAN();
    assert_stops(bug_wait_elsewhere, "does not have the role main_loop");
}

static atomic_int naps;

/* In the context that must never run in the middle of something that waits. */
static void nap_twice(void *opaque)
{
    assert_ptr_equal(aio_co_context(coroutine_self()), opaque);
    for (int i = 0; i < 2; i++) {
        co_sleep_ns(AIO_CLOCK_HOST, 1000);
        assert_ptr_equal(aio_co_context(coroutine_self()), opaque);
        atomic_fetch_add(&naps, 1);
    }
}

static void test_coroutine_stays_out_of_nested_rounds(void **state)
{
    struct aio_context *ctx = main_loop_iohandler_context();
    struct iothread *io;
    int runs = 0;

    (void)state;
    on_main();
    atomic_store(&naps, 0);
    assert_int_equal(iothread_new("io", test_monitor, &io, NULL), 0);
    aio_co_schedule(ctx, coroutine_create(nap_twice, ctx));
    main_loop_wait(true);
    for (int i = 0; i < 100; i++) {
        aio_wait_bh_oneshot(iothread_get_aio_context(io), with_bql, &runs);
    }
    assert_int_equal(naps, 0);
    while (naps < 2) {
        main_loop_wait(false);
    }
    free_without_bql(io);
}

static int signals_seen, last_value;

static void on_signal(void *opaque, const struct signalfd_siginfo *info)
{
    (void)opaque;
    bql_assert_locked();
    assert_int_equal(info->ssi_signo, SIGUSR2);
    last_value = info->ssi_int;
    signals_seen++;
}

static void test_signals_come_as_callbacks(void **state)
{
    struct aio_signals s;
    sigset_t set;

    (void)state;
    on_main();
    signals_seen = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    assert_int_equal(
        aio_signals_start(&s, main_loop_iohandler_context(), &set, on_signal, NULL, NULL), 0);
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(sigqueue(getpid(), SIGUSR2, (union sigval){.sival_int = i}), 0);
        while (signals_seen < i) {
            main_loop_wait(false);
        }
        assert_int_equal(last_value, i);
    }
    aio_signals_stop(&s);
}

static void stop_at_the_first(void *opaque, const struct signalfd_siginfo *info)
{
    struct aio_signals *s = opaque;

    assert_true(s->fd >= 0);
    last_value = info->ssi_int;
    aio_signals_stop(s);
    main_loop_quit();
}

static void test_signals_left_by_a_handler_that_stops_stay_pending(void **state)
{
    const struct timespec now = {0, 0};
    struct aio_signals s;
    sigset_t set, saved;
    siginfo_t info;

    (void)state;
    on_main();
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &set, &saved);
    assert_int_equal(
        aio_signals_start(&s, main_loop_iohandler_context(), &set, stop_at_the_first, &s, NULL), 0);
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}), 0);
    }
    main_loop_run();
    assert_int_equal(last_value, 1);
    assert_int_equal(sigtimedwait(&set, &info, &now), SIGRTMIN + 1);
    assert_int_equal(info.si_value.sival_int, 2);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

static GMainLoop *foreign;
static int foreign_events;
static int foreign_pipe[2];

static void event(void *opaque)
{
    (void)opaque;
    if (++foreign_events == 3) {
        g_main_loop_quit(foreign);
    }
}

static void read_event(void *opaque)
{
    char c;

    assert_int_equal(read(foreign_pipe[0], &c, 1), 1);
    event(opaque);
}

static void *schedule_later(void *unused)
{
    aio_bh_schedule_oneshot(test_ctx, event, NULL);
    return unused;
}

/* A descriptor, a timer and a bottom half, the latter from another thread. */
static void test_foreign_gmainloop_runs_a_context(void **state)
{
    static const struct aio_fd_ops ops = {.io_read = read_event};
    GMainContext *glib = g_main_context_new();
    GSource *source = aio_get_g_source(test_ctx);
    struct aio_timer t;
    pthread_t thread;

    (void)state;
    g_source_attach(source, glib);
    foreign = g_main_loop_new(glib, FALSE);
    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, event, NULL);
    for (int round = 0; round < 30; round++) {
        foreign_events = 0;
        assert_int_equal(pipe(foreign_pipe), 0);
        assert_int_equal(aio_set_fd_handler(test_ctx, foreign_pipe[0], 0, &ops, NULL, NULL), 0);
        assert_int_equal(write(foreign_pipe[1], "x", 1), 1);
        aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) + 100000);
        assert_int_equal(pthread_create(&thread, NULL, schedule_later, NULL), 0);
        g_main_loop_run(foreign);
        pthread_join(thread, NULL);
        assert_int_equal(foreign_events, 3);
        aio_clear_fd_handler(test_ctx, foreign_pipe[0]);
        close(foreign_pipe[0]);
        close(foreign_pipe[1]);
    }
    g_source_destroy(source);
    g_source_unref(source);
    g_main_loop_unref(foreign);
    g_main_context_unref(glib);
}

#define MAIN_TEST(fn) cmocka_unit_test_setup_teardown(fn, main_setup, main_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIN_TEST(test_one_wait_serves_both_contexts_and_glib),
        MAIN_TEST(test_bql_is_free_while_the_loop_waits),
        MAIN_TEST(test_quit_from_another_thread_is_not_lost),
        MAIN_TEST(test_waiting_for_an_iothread_does_not_hold_it_up),
        MAIN_TEST(test_wait_while_sees_each_kick),
        MAIN_TEST(test_waiting_on_a_thread_without_the_role_stops),
        MAIN_TEST(test_coroutine_stays_out_of_nested_rounds),
        MAIN_TEST(test_signals_come_as_callbacks),
        MAIN_TEST(test_signals_left_by_a_handler_that_stops_stay_pending),
        AIO_TEST(test_foreign_gmainloop_runs_a_context),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
