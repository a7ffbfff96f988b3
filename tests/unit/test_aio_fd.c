/* Descriptor handlers, the same suite against each monitor. */
#include "aio_test.h"

#include <pthread.h>
#include <sys/socket.h>

#include "aio/timer.h"

static int fds[2];

static int setup(void **state)
{
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        return -1;
    }
    return test_setup(state);
}

static int teardown(void **state)
{
    aio_clear_fd_handler(test_ctx, fds[0]);
    aio_clear_fd_handler(test_ctx, fds[1]);
    close(fds[0]);
    close(fds[1]);
    return test_teardown(state);
}

static void put(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void get(int fd)
{
    char c;

    assert_int_equal(read(fd, &c, 1), 1);
}

static void set(int fd, unsigned flags, const struct aio_fd_ops *ops, void *opaque)
{
    struct error err = {""};

    if (aio_set_fd_handler(test_ctx, fd, flags, ops, opaque, &err) != 0) {
        fail_msg("expected a handler, got: %s", err.text);
    }
}

static void count(void *opaque)
{
    ++*(int *)opaque;
}

static void count_and_read(void *opaque)
{
    get(fds[0]);
    ++*(int *)opaque;
}

static const struct aio_fd_ops count_reads = {.io_read = count};
static const struct aio_fd_ops consume = {.io_read = count_and_read};

static void test_monitor_is_the_one_asked_for(void **state)
{
    static const char *const names[] = {"", "poll", "epoll", "io_uring"};
    enum aio_monitor parsed;

    (void)state;
    assert_string_equal(aio_context_monitor_name(test_ctx), names[test_monitor]);
    assert_int_equal(aio_monitor_parse(names[test_monitor], &parsed, NULL), 0);
    assert_int_equal(parsed, test_monitor);
    assert_int_equal(aio_monitor_parse("select", &parsed, NULL), -EINVAL);
}

static void test_readable_descriptor_calls_io_read(void **state)
{
    int reads = 0;

    (void)state;
    set(fds[0], 0, &consume, &reads);
    assert_false(test_round(false));
    assert_int_equal(reads, 0);
    put(fds[1]);
    assert_true(test_round(true));
    assert_int_equal(reads, 1);
    assert_false(test_round(false));
    assert_int_equal(reads, 1);
}

static void test_readiness_is_a_level(void **state)
{
    int reads = 0;

    (void)state;
    set(fds[0], 0, &count_reads, &reads);
    put(fds[1]);
    for (int i = 1; i <= 5; i++) {
        assert_true(test_round(true));
        assert_int_equal(reads, i);
    }
    get(fds[0]);
    (void)test_round(false);
    (void)test_round(false);
    reads = 0;
    assert_false(test_round(false));
    assert_int_equal(reads, 0);
}

static void test_writable_descriptor_calls_io_write(void **state)
{
    static const struct aio_fd_ops count_writes = {.io_write = count};
    int writes = 0;

    (void)state;
    set(fds[1], 0, &count_writes, &writes);
    assert_true(test_round(true));
    assert_int_equal(writes, 1);
}

struct both {
    int reads, writes;
    int fd;
};

static void both_read(void *opaque)
{
    ((struct both *)opaque)->reads++;
}

static void both_write(void *opaque)
{
    ((struct both *)opaque)->writes++;
}

static void test_one_descriptor_may_be_both(void **state)
{
    static const struct aio_fd_ops ops = {.io_read = both_read, .io_write = both_write};
    struct both both = {0, 0, 0};
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    put(pair[1]);
    set(pair[0], 0, &ops, &both);
    assert_true(test_round(true));
    assert_int_equal(both.reads, 1);
    assert_int_equal(both.writes, 1);
    aio_clear_fd_handler(test_ctx, pair[0]);
    close(pair[0]);
    close(pair[1]);
}

static void test_hang_up_is_readable(void **state)
{
    int reads = 0;
    int other[2];

    (void)state;
    assert_int_equal(pipe(other), 0);
    set(other[0], 0, &count_reads, &reads);
    close(other[1]);
    assert_true(test_round(true));
    assert_int_equal(reads, 1);
    aio_clear_fd_handler(test_ctx, other[0]);
    close(other[0]);
}

static void test_new_handler_takes_the_place_of_the_old(void **state)
{
    int first = 0, second = 0;

    (void)state;
    set(fds[0], 0, &count_reads, &first);
    put(fds[1]);
    assert_true(test_round(true));
    set(fds[0], 0, &consume, &second);
    assert_true(test_round(true));
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
}

static void test_cleared_handler_is_not_called(void **state)
{
    int reads = 0;

    (void)state;
    set(fds[0], 0, &count_reads, &reads);
    put(fds[1]);
    aio_clear_fd_handler(test_ctx, fds[0]);
    test_settle();
    assert_int_equal(reads, 0);
    aio_clear_fd_handler(test_ctx, fds[0]); /* harmless */
    aio_clear_fd_handler(test_ctx, 12345);
}

static void clear_self(void *opaque)
{
    ++*(int *)opaque;
    aio_clear_fd_handler(test_ctx, fds[0]);
}

static void test_handler_may_clear_itself(void **state)
{
    static const struct aio_fd_ops ops = {.io_read = clear_self};
    int reads = 0;

    (void)state;
    set(fds[0], 0, &ops, &reads);
    put(fds[1]);
    assert_true(test_round(true));
    test_settle();
    assert_int_equal(reads, 1);
}

static int victims[4];
static int victim_reads[4];

static void clear_others(void *opaque)
{
    int *mine = opaque;

    ++*mine;
    for (int i = 0; i < 4; i++) {
        if (&victim_reads[i] != mine) {
            aio_clear_fd_handler(test_ctx, victims[i]);
        }
    }
}

static void test_ready_handler_cleared_by_another_is_not_called(void **state)
{
    static const struct aio_fd_ops ops = {.io_read = clear_others};
    int ends[4][2], total = 0;

    (void)state;
    memset(victim_reads, 0, sizeof(victim_reads));
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pipe(ends[i]), 0);
        victims[i] = ends[i][0];
        put(ends[i][1]);
        set(victims[i], 0, &ops, &victim_reads[i]);
    }
    assert_true(test_round(true));
    for (int i = 0; i < 4; i++) {
        total += victim_reads[i];
        aio_clear_fd_handler(test_ctx, victims[i]);
        close(ends[i][0]);
        close(ends[i][1]);
    }
    assert_int_equal(total, 1);
}

static int outer_calls, inner_calls;
static int inner_pipe[2];

static void inner(void *opaque)
{
    (void)opaque;
    get(inner_pipe[0]);
    inner_calls++;
}

static void outer(void *opaque)
{
    (void)opaque;
    get(fds[0]);
    outer_calls++;
    put(inner_pipe[1]);
    while (inner_calls == 0) {
        assert_true(test_round(true));
    }
}

static void test_callback_may_run_the_loop(void **state)
{
    static const struct aio_fd_ops outer_ops = {.io_read = outer};
    static const struct aio_fd_ops inner_ops = {.io_read = inner};

    (void)state;
    outer_calls = inner_calls = 0;
    assert_int_equal(pipe(inner_pipe), 0);
    set(fds[0], 0, &outer_ops, NULL);
    set(inner_pipe[0], 0, &inner_ops, NULL);
    put(fds[1]);
    assert_true(test_round(true));
    test_settle();
    assert_int_equal(outer_calls, 1);
    assert_int_equal(inner_calls, 1);
    aio_clear_fd_handler(test_ctx, inner_pipe[0]);
    close(inner_pipe[0]);
    close(inner_pipe[1]);
}

static int turns;

/* The first of two to be called needs the other one to have been. */
static void wait_for_the_other(struct event_notifier *e)
{
    (void)e;
    if (++turns == 1) {
        for (int i = 0; i < 100 && turns == 1; i++) {
            (void)test_round(false);
        }
        assert_int_equal(turns, 2);
    }
}

static void test_nested_round_calls_the_ready_handlers_that_are_left(void **state)
{
    static const struct event_notifier_ops ops = {.handler = wait_for_the_other};
    struct event_notifier e[2];

    (void)state;
    turns = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(event_notifier_init(&e[i], false, NULL), 0);
        assert_int_equal(aio_set_event_notifier(test_ctx, &e[i], 0, &ops, NULL), 0);
    }
    assert_false(test_round(false));
    event_notifier_set(&e[0]);
    event_notifier_set(&e[1]);
    assert_true(test_round(true));
    for (int i = 0; i < 2; i++) {
        aio_clear_event_notifier(test_ctx, &e[i]);
        event_notifier_cleanup(&e[i]);
    }
}

static void test_external_handler_is_silent_while_disabled(void **state)
{
    int reads = 0;

    (void)state;
    set(fds[0], AIO_EXTERNAL, &consume, &reads);
    aio_disable_external(test_ctx);
    aio_disable_external(test_ctx);
    put(fds[1]);
    assert_false(test_round(false));
    aio_enable_external(test_ctx);
    assert_true(aio_external_disabled(test_ctx));
    assert_false(test_round(false));
    assert_int_equal(reads, 0);
    aio_enable_external(test_ctx);
    assert_true(test_round(true));
    assert_int_equal(reads, 1);
}

static void test_external_handler_registered_while_disabled_waits(void **state)
{
    int reads = 0;

    (void)state;
    aio_disable_external(test_ctx);
    set(fds[0], AIO_EXTERNAL, &consume, &reads);
    put(fds[1]);
    assert_false(test_round(false));
    aio_enable_external(test_ctx);
    assert_true(test_round(true));
    assert_int_equal(reads, 1);
}

static void *register_and_write(void *opaque)
{
    set(fds[0], 0, &consume, opaque);
    put(fds[1]);
    return NULL;
}

static void test_handler_of_another_thread_ends_the_wait(void **state)
{
    int reads = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, register_and_write, &reads), 0);
    while (reads == 0) {
        (void)test_round(true);
    }
    pthread_join(thread, NULL);
    assert_int_equal(reads, 1);
}

static void ignore(void *opaque)
{
    (void)opaque;
}

static void *churn_ignored(void *opaque)
{
    static const struct aio_fd_ops ops = {.io_read = ignore};
    atomic_bool *done = opaque;
    int ends[2];

    for (int i = 0; i < 300; i++) {
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        put(ends[1]);
        set(ends[0], 0, &ops, NULL);
        if (i % 3 == 0) {
            sched_yield();
        }
        aio_clear_fd_handler(test_ctx, ends[0]);
        close(ends[0]);
        close(ends[1]);
    }
    atomic_store(done, true);
    aio_notify(test_ctx);
    return NULL;
}

static void test_handlers_come_and_go_from_another_thread(void **state)
{
    atomic_bool done = false;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, churn_ignored, &done), 0);
    while (!atomic_load(&done)) {
        (void)test_round(true);
    }
    pthread_join(thread, NULL);
}

#define MANY 1500

static void test_every_one_of_many_is_served(void **state)
{
    static int ends[MANY][2];
    static int reads[MANY];

    (void)state;
    memset(reads, 0, sizeof(reads));
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(pipe2(ends[i], O_NONBLOCK | O_CLOEXEC), 0);
        set(ends[i][0], 0, &count_reads, &reads[i]);
    }
    (void)test_round(false);
    for (int i = 0; i < MANY; i++) {
        put(ends[i][1]);
    }
    for (int missing = MANY; missing > 0;) {
        assert_true(test_round(true));
        missing = 0;
        for (int i = 0; i < MANY; i++) {
            missing += reads[i] == 0;
        }
    }
    for (int i = 0; i < MANY; i++) {
        aio_clear_fd_handler(test_ctx, ends[i][0]);
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

static int notified;

static void on_notifier(struct event_notifier *e)
{
    (void)e;
    notified++;
}

static void test_notifier_is_cleared_and_reported_for_each_set(void **state)
{
    static const struct event_notifier_ops ops = {.handler = on_notifier};
    struct event_notifier e;

    (void)state;
    notified = 0;
    assert_int_equal(event_notifier_init(&e, false, NULL), 0);
    assert_int_equal(aio_set_event_notifier(test_ctx, &e, 0, &ops, NULL), 0);
    assert_false(test_round(false));
    for (int i = 1; i <= 10; i++) {
        event_notifier_set(&e);
        assert_true(test_round(true));
        assert_int_equal(notified, i);
        assert_false(test_round(false));
        assert_int_equal(notified, i);
    }
    aio_clear_event_notifier(test_ctx, &e);
    event_notifier_cleanup(&e);
}

static void test_external_notifier_set_while_disabled_is_reported_later(void **state)
{
    static const struct event_notifier_ops ops = {.handler = on_notifier};
    struct event_notifier e;

    (void)state;
    notified = 0;
    assert_int_equal(event_notifier_init(&e, false, NULL), 0);
    assert_int_equal(aio_set_event_notifier(test_ctx, &e, AIO_EXTERNAL, &ops, NULL), 0);
    assert_false(test_round(false));
    aio_disable_external(test_ctx);
    event_notifier_set(&e);
    assert_false(test_round(false));
    assert_int_equal(notified, 0);
    aio_enable_external(test_ctx);
    while (notified == 0) {
        (void)test_round(true);
    }
    aio_clear_event_notifier(test_ctx, &e);
    event_notifier_cleanup(&e);
}

static void test_closed_descriptor_is_refused(void **state)
{
    struct error err = {""};
    int reads = 0;
    int file = open("/proc/self/exe", O_RDONLY);

    (void)state;
    assert_int_equal(aio_set_fd_handler(test_ctx, 12345, 0, &count_reads, &reads, &err), -EBADF);
    assert_non_null(strstr(err.text, "12345"));
    assert_int_equal(aio_set_fd_handler(test_ctx, -1, 0, &count_reads, &reads, NULL), -EBADF);
    assert_int_equal(aio_set_fd_handler(test_ctx, file, 0, &count_reads, &reads, NULL), -EPERM);
    close(file);
}

static void test_descriptor_closed_while_watched_is_dropped(void **state)
{
    int reads = 0;
    int other[2];

    (void)state;
    assert_int_equal(pipe(other), 0);
    set(other[0], 0, &count_reads, &reads);
    (void)test_round(false);
    close(other[0]);
    close(other[1]);
    for (int i = 0; i < 10; i++) {
        (void)test_round(false);
    }
    reads = 0;
    assert_false(test_round(false));
    assert_int_equal(reads, 0);
    /* The number works again when it is opened again, without a clear. */
    int again[2];
    assert_int_equal(pipe2(again, O_NONBLOCK), 0);
    assert_int_equal(again[0], other[0]);
    set(again[0], 0, &count_reads, &reads);
    put(again[1]);
    while (reads == 0) {
        assert_true(test_round(true));
    }
    aio_clear_fd_handler(test_ctx, again[0]);
    close(again[0]);
    close(again[1]);
}

static void test_descriptor_closed_with_a_duplicate_does_not_haunt(void **state)
{
    int reads = 0, other_reads = 0, timer_runs = 0, rounds = 0;
    struct aio_timer t;
    int other[2], copy;

    (void)state;
    set(fds[0], 0, &consume, &other_reads);
    assert_int_equal(pipe2(other, O_NONBLOCK), 0);
    copy = dup(other[0]);
    set(other[0], 0, &count_reads, &reads);
    (void)test_round(false);
    close(other[0]);
    aio_clear_fd_handler(test_ctx, other[0]);
    put(other[1]); /* the file is ready, and nobody's */
    for (int i = 0; i < 10; i++) {
        (void)test_round(false);
    }
    assert_int_equal(reads, 0);
    /* Nor does it keep the loop awake. */
    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, count, &timer_runs);
    aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) + 20 * AIO_NS_PER_MS);
    while (timer_runs == 0) {
        (void)test_round(true);
        rounds++;
    }
    assert_in_range(rounds, 1, 50);
    put(fds[1]);
    assert_true(test_round(true));
    assert_int_equal(other_reads, 1);
    assert_false(test_round(false));
    close(copy);
    close(other[1]);
}

static void bug_foreign_poll(void)
{
    aio_context_assert_home(test_ctx);
    aio_context_leave(test_ctx);
    (void)test_round(false);
}

static void test_round_by_another_thread_stops(void **state)
{
    (void)state;
    assert_stops(bug_foreign_poll, "is used by a thread that is not its home");
}

static void *enter_elsewhere(void *unused) NO_THREAD_SAFETY_ANALYSIS
{
    aio_context_enter(test_ctx);
    return unused;
}

static void bug_second_home(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, enter_elsewhere, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

static void test_second_home_stops(void **state)
{
    (void)state;
    assert_stops(bug_second_home, "has a home already");
}

#define FD_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FD_TEST(test_monitor_is_the_one_asked_for),
        FD_TEST(test_readable_descriptor_calls_io_read),
        FD_TEST(test_readiness_is_a_level),
        FD_TEST(test_writable_descriptor_calls_io_write),
        FD_TEST(test_one_descriptor_may_be_both),
        FD_TEST(test_hang_up_is_readable),
        FD_TEST(test_new_handler_takes_the_place_of_the_old),
        FD_TEST(test_cleared_handler_is_not_called),
        FD_TEST(test_handler_may_clear_itself),
        FD_TEST(test_ready_handler_cleared_by_another_is_not_called),
        FD_TEST(test_callback_may_run_the_loop),
        FD_TEST(test_nested_round_calls_the_ready_handlers_that_are_left),
        FD_TEST(test_external_handler_is_silent_while_disabled),
        FD_TEST(test_external_handler_registered_while_disabled_waits),
        FD_TEST(test_handler_of_another_thread_ends_the_wait),
        FD_TEST(test_handlers_come_and_go_from_another_thread),
        FD_TEST(test_every_one_of_many_is_served),
        FD_TEST(test_notifier_is_cleared_and_reported_for_each_set),
        FD_TEST(test_external_notifier_set_while_disabled_is_reported_later),
        FD_TEST(test_closed_descriptor_is_refused),
        FD_TEST(test_descriptor_closed_while_watched_is_dropped),
        FD_TEST(test_descriptor_closed_with_a_duplicate_does_not_haunt),
        FD_TEST(test_round_by_another_thread_stops),
        FD_TEST(test_second_home_stops),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
