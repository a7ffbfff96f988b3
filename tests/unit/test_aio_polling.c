/* Adaptive polling, and the trace that shows it, against each monitor. */
#include "aio_test.h"

#include "aio/glib_source.h"
#include "aio/timer.h"
#include "aio/trace.h"

static int fds[2];

/* A device whose requests are a flag in memory, and whose doorbell is a pipe
 * that is not rung while it is being polled. */
struct device {
    atomic_bool request;
    bool polled;
    int begins, ends, looks, polled_requests, rung;
    int appear_after; /* looks until a request appears; 0: never */
    void (*on_look)(void), (*on_end)(struct device *d);
};

static bool device_poll(void *opaque)
{
    struct device *d = opaque;

    assert_true(d->polled || d->ends > 0);
    d->looks++;
    if (d->appear_after && d->looks >= d->appear_after) {
        atomic_store(&d->request, true);
        d->appear_after = 0;
    }
    if (d->on_look) {
        d->on_look();
    }
    return atomic_load(&d->request);
}

static void device_ready(void *opaque)
{
    struct device *d = opaque;

    atomic_store(&d->request, false);
    d->polled_requests++;
}

static void device_begin(void *opaque)
{
    struct device *d = opaque;

    assert_false(d->polled);
    d->polled = true;
    d->begins++;
}

static void device_end(void *opaque)
{
    struct device *d = opaque;

    assert_true(d->polled);
    d->polled = false;
    d->ends++;
    if (d->on_end) {
        d->on_end(d);
    }
}

static void device_rung(void *opaque)
{
    struct device *d = opaque;
    char c;

    assert_int_equal(read(fds[0], &c, 1), 1);
    d->rung++;
}

static const struct aio_fd_ops device_ops = {
    .io_read = device_rung,
    .io_poll = device_poll,
    .io_poll_ready = device_ready,
    .io_poll_begin = device_begin,
    .io_poll_end = device_end,
};

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
    close(fds[0]);
    close(fds[1]);
    return test_teardown(state);
}

static void nothing(void *opaque)
{
    (void)opaque;
}

/* A wait of a little time, in which nothing comes. */
static void wait_a_little(int64_t ns)
{
    struct aio_timer t;

    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, nothing, NULL);
    aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) + ns);
    while (aio_timer_pending(&t)) {
        (void)test_round(true);
    }
}

static void params(int64_t max, int64_t grow, int64_t shrink)
{
    assert_int_equal(aio_context_set_poll_params(test_ctx, max, grow, shrink, NULL), 0);
    (void)test_round(false);
}

static void test_no_polling_unless_asked_for(void **state)
{
    struct device d = {.request = false};

    (void)state;
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], 0, &device_ops, &d, NULL), 0);
    wait_a_little(100000);
    assert_int_equal(d.looks, 0);
    assert_int_equal(aio_context_poll_ns(test_ctx), 0);
}

static void test_nothing_is_polled_where_nothing_can_be(void **state)
{
    static const struct aio_fd_ops ops = {.io_read = device_rung};
    struct device d = {.request = false};

    (void)state;
    params(50000000, 0, 0);
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], 0, &ops, &d, NULL), 0);
    for (int i = 0; i < 5; i++) {
        wait_a_little(50000);
    }
    assert_int_equal(aio_context_poll_ns(test_ctx), 0);
}

/* Waits that end soon make the polling time grow until it catches them. */
static void test_time_grows_until_polling_finds_it(void **state)
{
    struct device d = {.request = false};

    (void)state;
    params(INT64_C(1000000000), 4, 0);
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], 0, &device_ops, &d, NULL), 0);
    for (int i = 0; i < 200 && aio_context_poll_ns(test_ctx) < 20000000; i++) {
        wait_a_little(500000);
        if (aio_context_poll_ns(test_ctx) > 1000000) {
            break;
        }
    }
    assert_true(aio_context_poll_ns(test_ctx) > 0);
    assert_true(d.looks > 0);
    d.looks = 0;
    d.appear_after = 3;
    while (d.polled_requests == 0) {
        (void)test_round(true);
    }
    assert_int_equal(d.polled_requests, 1);
    assert_int_equal(d.rung, 0);
}

/* Leaves d being polled: the latest round found what it polled for. */
static void poll_until_hit_with(struct device *d, unsigned flags)
{
    params(INT64_C(1000000000), 4, 0);
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], flags, &device_ops, d, NULL), 0);
    while (aio_context_poll_ns(test_ctx) == 0) {
        wait_a_little(500000);
    }
    d->appear_after = d->looks + 1;
    while (d->polled_requests == 0) {
        (void)test_round(true);
    }
    assert_true(d->polled);
}

static void poll_until_hit(struct device *d)
{
    poll_until_hit_with(d, 0);
}

static void request(struct device *d)
{
    atomic_store(&d->request, true);
    if (!d->polled) {
        assert_int_equal(write(fds[1], "x", 1), 1);
    }
}

static void make_request(struct device *d)
{
    atomic_store(&d->request, true);
}

/* A request that is made just as polling ends is found by the last look. */
static void test_request_made_as_polling_ends_is_found(void **state)
{
    struct device d = {.request = false};

    (void)state;
    poll_until_hit(&d);
    params(0, 0, 0); /* polling ends with the next wait */
    d.on_end = make_request;
    while (d.polled) {
        wait_a_little(20000);
    }
    assert_int_equal(d.polled_requests, 2);
    assert_int_equal(d.begins, d.ends);
}

static void test_external_handler_is_not_polled_while_disabled(void **state)
{
    static const struct aio_fd_ops ops = {
        .io_poll = device_poll,
        .io_poll_ready = device_ready,
        .io_poll_begin = device_begin,
        .io_poll_end = device_end,
    };
    struct device d = {.request = false}, external = {.request = true};
    struct event_notifier e;
    int fd;

    (void)state;
    poll_until_hit(&d);
    assert_int_equal(event_notifier_init(&e, false, NULL), 0);
    fd = event_notifier_get_fd(&e);
    aio_disable_external(test_ctx);
    assert_int_equal(aio_set_fd_handler(test_ctx, fd, AIO_EXTERNAL, &ops, &external, NULL), 0);
    wait_a_little(100000);
    assert_int_equal(external.looks, 0);
    assert_int_equal(external.begins, 0);
    aio_enable_external(test_ctx);
    while (external.polled_requests == 0) {
        wait_a_little(100000);
    }
    aio_clear_fd_handler(test_ctx, fd);
    event_notifier_cleanup(&e);
}

/* Polled, so its doorbell is not rung; not looked at, because disabled. */
static void test_request_made_while_disabled_is_found_when_enabled(void **state)
{
    struct device d = {.request = false};

    (void)state;
    poll_until_hit_with(&d, AIO_EXTERNAL);
    aio_disable_external(test_ctx);
    request(&d);
    params(0, 0, 0); /* polling ends with the next wait */
    wait_a_little(100000);
    assert_int_equal(d.polled_requests, 1);
    aio_enable_external(test_ctx);
    for (int i = 0; i < 100 && d.polled_requests + d.rung == 1; i++) {
        wait_a_little(100000);
    }
    assert_int_equal(d.polled_requests + d.rung, 2);
    assert_false(d.polled);
}

static void test_polling_ends_before_glib_waits(void **state)
{
    struct device d = {.request = false};
    GMainContext *glib = g_main_context_new();
    GSource *source = aio_get_g_source(test_ctx);

    (void)state;
    poll_until_hit(&d);
    g_source_attach(source, glib);
    request(&d);
    for (int i = 0; i < 100 && d.polled_requests == 1 && d.rung == 0; i++) {
        g_main_context_iteration(glib, FALSE);
    }
    assert_int_equal(d.polled_requests + d.rung, 2);
    assert_false(d.polled);
    g_source_destroy(source);
    g_source_unref(source);
    g_main_context_unref(glib);
}

static _Atomic(int64_t) virtual_ns;

static int64_t read_virtual(void)
{
    return atomic_load(&virtual_ns);
}

static void to_the_hour(void)
{
    atomic_store(&virtual_ns, 3600 * AIO_NS_PER_SEC);
}

static void note_run(void *opaque)
{
    *(bool *)opaque = true;
}

/* A timer's time comes while the loop polls: it does not sleep then. */
static void test_polling_is_part_of_the_time_until_a_timer(void **state)
{
    struct device d = {.request = false};
    bool due = false, late = false;
    struct aio_timer hour, guard;

    (void)state;
    poll_until_hit(&d);
    atomic_store(&virtual_ns, 0);
    aio_clock_set_virtual_source(read_virtual);
    aio_clock_set_virtual_running(true);
    aio_timer_init(&hour, test_ctx, AIO_CLOCK_VIRTUAL, note_run, &due);
    aio_timer_mod(&hour, 3600 * AIO_NS_PER_SEC);
    aio_timer_init(&guard, test_ctx, AIO_CLOCK_HOST, note_run, &late);
    aio_timer_mod(&guard, aio_clock_get_ns(AIO_CLOCK_HOST) + 30 * AIO_NS_PER_SEC);
    (void)test_round(false); /* the clock's start was a wake-up */
    d.on_look = to_the_hour;
    while (!due) {
        (void)test_round(true);
    }
    assert_false(late);
    aio_timer_del(&guard);
    aio_clock_set_virtual_running(false);
    aio_clock_set_virtual_source(NULL);
}

static struct aio_timer end_timer;

static void arm_end_timer(struct device *d)
{
    (void)d;
    aio_timer_mod(&end_timer, 0);
}

static void test_timer_armed_as_polling_ends_is_waited_for(void **state)
{
    struct device d = {.request = false};
    bool due = false, late = false;
    struct aio_timer guard;

    (void)state;
    poll_until_hit(&d);
    params(0, 0, 0); /* polling ends with the next wait */
    aio_timer_init(&end_timer, test_ctx, AIO_CLOCK_HOST, note_run, &due);
    aio_timer_init(&guard, test_ctx, AIO_CLOCK_HOST, note_run, &late);
    aio_timer_mod(&guard, aio_clock_get_ns(AIO_CLOCK_HOST) + 30 * AIO_NS_PER_SEC);
    d.on_end = arm_end_timer;
    while (!due) {
        (void)test_round(true);
    }
    assert_false(late);
    aio_timer_del(&guard);
}

static void test_long_waits_make_the_time_shrink(void **state)
{
    struct device d = {.request = false};

    (void)state;
    params(1000000, 2, 2);
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], 0, &device_ops, &d, NULL), 0);
    for (int i = 0; i < 100 && aio_context_poll_ns(test_ctx) == 0; i++) {
        wait_a_little(50000);
    }
    for (int i = 0; i < 100 && aio_context_poll_ns(test_ctx) > 0; i++) {
        wait_a_little(3000000);
    }
    assert_int_equal(aio_context_poll_ns(test_ctx), 0);
}

static void test_largest_parameters_do_not_overflow(void **state)
{
    struct device d = {.request = false};

    (void)state;
    params(INT64_MAX, INT64_MAX, 0);
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], 0, &device_ops, &d, NULL), 0);
    for (int i = 0; i < 100 && aio_context_poll_ns(test_ctx) < AIO_NS_PER_SEC; i++) {
        wait_a_little(50000);
        assert_true(aio_context_poll_ns(test_ctx) >= 0);
    }
    assert_true(aio_context_poll_ns(test_ctx) >= AIO_NS_PER_SEC);
}

static void test_lower_maximum_holds_at_once(void **state)
{
    struct device d = {.request = false};

    (void)state;
    poll_until_hit(&d);
    assert_true(aio_context_poll_ns(test_ctx) > 10);
    params(10, 0, 0);
    assert_true(aio_context_poll_ns(test_ctx) <= 10);
    params(0, 0, 0);
    assert_int_equal(aio_context_poll_ns(test_ctx), 0);
}

static void test_negative_parameters_are_refused(void **state)
{
    struct error err = {""};

    (void)state;
    assert_int_equal(aio_context_set_poll_params(test_ctx, -1, 0, 0, &err), -EINVAL);
    assert_int_equal(aio_context_set_poll_params(test_ctx, 0, -1, 0, &err), -EINVAL);
    assert_true(err.text[0] != '\0');
}

static void quick_bh(void *opaque)
{
    (void)opaque;
}

static void test_trace_shows_what_the_loop_did(void **state)
{
    struct device d = {.request = false}, polled = {.request = false};
    struct aio_timer t;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    static const struct aio_fd_ops ops = {.io_read = device_rung};

    (void)state;
    assert_int_equal(aio_trace_start(1024, NULL), 0);
    assert_int_equal(aio_trace_start(99999, NULL), -EBUSY);
    poll_until_hit(&polled);
    params(0, 0, 0);
    assert_int_equal(aio_set_fd_handler(test_ctx, fds[0], 0, &ops, &d, NULL), 0);
    aio_bh_schedule_oneshot(test_ctx, quick_bh, NULL);
    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, nothing, NULL);
    aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) + 1000);
    assert_int_equal(write(fds[1], "x", 1), 1);
    while (d.rung == 0 || aio_timer_pending(&t)) {
        (void)test_round(true);
    }
    aio_trace_stop();
    assert_true(aio_trace_count() >= 3);
    assert_int_equal(aio_trace_write_json(file, NULL), 0);
    fclose(file);
    assert_non_null(strstr(text, "\"traceEvents\":["));
    assert_non_null(strstr(text, "\"name\":\"quick_bh\",\"cat\":\"bh\",\"ph\":\"X\""));
    assert_non_null(strstr(text, "\"cat\":\"handler\""));
    assert_non_null(strstr(text, "\"late_ns\":"));
    assert_non_null(strstr(text, "\"context\":\"test\""));
    assert_non_null(strstr(text, "\"name\":\"poll hit\",\"cat\":\"poll\""));
    assert_non_null(strstr(text, "]}"));
    free(text);
}

#define POLL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLL_TEST(test_no_polling_unless_asked_for),
        POLL_TEST(test_nothing_is_polled_where_nothing_can_be),
        POLL_TEST(test_time_grows_until_polling_finds_it),
        POLL_TEST(test_request_made_as_polling_ends_is_found),
        POLL_TEST(test_external_handler_is_not_polled_while_disabled),
        POLL_TEST(test_request_made_while_disabled_is_found_when_enabled),
        POLL_TEST(test_polling_ends_before_glib_waits),
        POLL_TEST(test_polling_is_part_of_the_time_until_a_timer),
        POLL_TEST(test_timer_armed_as_polling_ends_is_waited_for),
        POLL_TEST(test_long_waits_make_the_time_shrink),
        POLL_TEST(test_largest_parameters_do_not_overflow),
        POLL_TEST(test_lower_maximum_holds_at_once),
        POLL_TEST(test_negative_parameters_are_refused),
        POLL_TEST(test_trace_shows_what_the_loop_did),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
