/* Bottom halves, against each monitor. */
#include "aio_test.h"

#include <pthread.h>

#include "aio/glib_source.h"
#include "aio/timer.h"
#include "aio/trace.h"

static void count(void *opaque)
{
    ++*(int *)opaque;
}

static void test_bottom_half_runs_once_for_many_schedules(void **state)
{
    int runs = 0;
    struct aio_bh *bh = aio_bh_new(test_ctx, count, &runs);

    (void)state;
    assert_false(test_round(false));
    aio_bh_schedule(bh);
    aio_bh_schedule(bh);
    aio_bh_schedule(bh);
    assert_true(test_round(true));
    assert_int_equal(runs, 1);
    assert_false(test_round(false));
    aio_bh_schedule(bh);
    assert_true(test_round(true));
    assert_int_equal(runs, 2);
    aio_bh_delete(bh);
}

static char order[16];

static void note(void *opaque)
{
    strncat(order, opaque, 1);
}

static void test_bottom_halves_run_in_the_order_of_their_scheduling(void **state)
{
    struct aio_bh *a = aio_bh_new(test_ctx, note, "a");
    struct aio_bh *b = aio_bh_new(test_ctx, note, "b");
    struct aio_bh *c = aio_bh_new(test_ctx, note, "c");

    (void)state;
    order[0] = '\0';
    aio_bh_schedule(b);
    aio_bh_schedule(a);
    aio_bh_schedule(c);
    aio_bh_schedule(b);
    assert_true(test_round(true));
    assert_string_equal(order, "bac");
    aio_bh_delete(a);
    aio_bh_delete(b);
    aio_bh_delete(c);
}

static void test_oneshot_runs_once(void **state)
{
    int runs = 0;

    (void)state;
    aio_bh_schedule_oneshot(test_ctx, count, &runs);
    aio_bh_schedule_oneshot(test_ctx, count, &runs);
    test_settle();
    assert_int_equal(runs, 2);
}

static void test_cancelled_bottom_half_does_not_run(void **state)
{
    int runs = 0;
    struct aio_bh *bh = aio_bh_new(test_ctx, count, &runs);

    (void)state;
    aio_bh_schedule(bh);
    aio_bh_cancel(bh);
    assert_false(test_round(false));
    assert_int_equal(runs, 0);
    aio_bh_schedule(bh);
    aio_bh_cancel(bh);
    aio_bh_schedule(bh);
    assert_true(test_round(true));
    assert_int_equal(runs, 1);
    aio_bh_delete(bh);
}

static void test_deleted_bottom_half_does_not_run(void **state)
{
    int runs = 0;
    struct aio_bh *bh = aio_bh_new(test_ctx, count, &runs);

    (void)state;
    aio_bh_schedule(bh);
    aio_bh_delete(bh);
    test_settle();
    assert_int_equal(runs, 0);
}

struct self {
    struct aio_bh *bh;
    int runs, limit;
};

static void again(void *opaque)
{
    struct self *self = opaque;

    if (++self->runs < self->limit) {
        aio_bh_schedule(self->bh);
    } else {
        aio_bh_delete(self->bh);
    }
}

static void test_bottom_half_scheduled_by_itself_runs_in_the_next_round(void **state)
{
    struct self self = {.limit = 3};

    (void)state;
    self.bh = aio_bh_new(test_ctx, again, &self);
    aio_bh_schedule(self.bh);
    for (int i = 1; i <= 3; i++) {
        assert_true(test_round(true));
        assert_int_equal(self.runs, i);
    }
    assert_false(test_round(false));
}

static void nest(void *opaque)
{
    (void)opaque;
    strncat(order, "(", 2);
    (void)test_round(true);
    strncat(order, ")", 2);
}

static void test_nested_round_runs_what_the_outer_has_left(void **state)
{
    (void)state;
    order[0] = '\0';
    aio_bh_schedule_oneshot(test_ctx, nest, NULL);
    aio_bh_schedule_oneshot(test_ctx, note, "a");
    aio_bh_schedule_oneshot(test_ctx, note, "b");
    assert_true(test_round(true));
    assert_string_equal(order, "(ab)");
}

static void delete_and_nest(void *opaque)
{
    aio_bh_delete(*(struct aio_bh **)opaque);
    (void)test_round(false);
}

/* Traced, since that names what has run; ASan tells. */
static void test_bottom_half_may_delete_itself_and_run_the_loop(void **state)
{
    struct aio_bh *bh;

    (void)state;
    assert_int_equal(aio_trace_start(1024, NULL), 0);
    bh = aio_bh_new(test_ctx, delete_and_nest, &bh);
    aio_bh_schedule(bh);
    assert_true(test_round(true));
    aio_trace_stop();
}

static void test_idle_bottom_half_runs_but_is_no_progress(void **state)
{
    int runs = 0;
    struct aio_bh *bh = aio_bh_new(test_ctx, count, &runs);

    (void)state;
    aio_bh_schedule_idle(bh);
    while (runs == 0) {
        assert_false(test_round(true));
    }
    assert_int_equal(runs, 1);
    aio_bh_schedule_idle(bh);
    aio_bh_schedule(bh);
    assert_true(test_round(true));
    assert_int_equal(runs, 2);
    aio_bh_delete(bh);
}

static void idle_again(void *opaque)
{
    struct self *self = opaque;

    if (++self->runs < self->limit) {
        aio_bh_schedule_idle(self->bh);
    }
}

static void note_time(void *opaque)
{
    *(bool *)opaque = true;
}

/* 50 ms are five times the longest that one is put off. */
static void test_idle_bottom_half_that_schedules_itself_lets_the_loop_sleep(void **state)
{
    struct self self = {.limit = 1000};
    struct aio_timer t;
    bool over = false;

    (void)state;
    self.bh = aio_bh_new(test_ctx, idle_again, &self);
    aio_timer_init(&t, test_ctx, AIO_CLOCK_HOST, note_time, &over);
    aio_timer_mod(&t, aio_clock_get_ns(AIO_CLOCK_HOST) + 50 * AIO_NS_PER_MS);
    aio_bh_schedule_idle(self.bh);
    while (!over) {
        (void)test_round(true);
    }
    assert_in_range(self.runs, 1, 100);
    aio_bh_delete(self.bh);
}

static void test_idle_bottom_half_runs_in_a_gmaincontext(void **state)
{
    GMainContext *glib = g_main_context_new();
    GSource *source = aio_get_g_source(test_ctx);
    struct self self = {.limit = 3};

    (void)state;
    g_source_attach(source, glib);
    self.bh = aio_bh_new(test_ctx, idle_again, &self);
    aio_bh_schedule_idle(self.bh);
    for (int i = 0; i < 100 && self.runs < 3; i++) {
        g_main_context_iteration(glib, TRUE);
    }
    assert_int_equal(self.runs, 3);
    aio_bh_delete(self.bh);
    g_source_destroy(source);
    g_source_unref(source);
    g_main_context_unref(glib);
}

static struct aio_guard guard;

static void in_guard(void *opaque)
{
    assert_true(guard.entered);
    count(opaque);
}

static void test_guarded_bottom_half_waits_until_its_device_is_left(void **state)
{
    int guarded = 0, other = 0;
    struct aio_bh *bh = aio_bh_new_guarded(test_ctx, in_guard, &guarded, &guard);
    struct aio_bh *deleted = aio_bh_new_guarded(test_ctx, in_guard, &guarded, &guard);

    (void)state;
    assert_true(aio_guard_enter(&guard));
    assert_false(aio_guard_enter(&guard));
    aio_bh_schedule(bh);
    aio_bh_schedule(deleted);
    aio_bh_schedule_oneshot(test_ctx, count, &other);
    assert_true(test_round(true));
    assert_int_equal(guarded, 0);
    assert_int_equal(other, 1);
    aio_bh_schedule(bh);
    aio_bh_delete(deleted);
    assert_false(test_round(false));
    aio_guard_leave(&guard);
    assert_true(test_round(true));
    assert_int_equal(guarded, 1);
    assert_false(guard.entered);
    aio_bh_delete(bh);
}

static void test_those_that_wait_for_a_device_keep_their_order(void **state)
{
    static struct aio_guard device;
    struct aio_bh *a = aio_bh_new_guarded(test_ctx, note, "a", &device);
    struct aio_bh *b = aio_bh_new_guarded(test_ctx, note, "b", &device);
    struct aio_bh *c = aio_bh_new_guarded(test_ctx, note, "c", &device);

    (void)state;
    order[0] = '\0';
    assert_true(aio_guard_enter(&device));
    aio_bh_schedule(b);
    aio_bh_schedule(a);
    assert_false(test_round(false));
    aio_bh_schedule(c);
    assert_false(test_round(false));
    aio_guard_leave(&device);
    assert_true(test_round(true));
    assert_string_equal(order, "bac");
    aio_bh_delete(a);
    aio_bh_delete(b);
    aio_bh_delete(c);
}

static struct aio_bh *handler_bh;

static void handler(int sig)
{
    (void)sig;
    aio_bh_schedule(handler_bh);
}

static void test_signal_handler_may_schedule(void **state)
{
    struct sigaction action = {.sa_handler = handler}, saved;
    int runs = 0;

    (void)state;
    handler_bh = aio_bh_new(test_ctx, count, &runs);
    sigaction(SIGUSR1, &action, &saved);
    for (int i = 1; i <= 50; i++) {
        errno = 0;
        raise(SIGUSR1);
        assert_int_equal(errno, 0);
        assert_true(test_round(true));
        assert_int_equal(runs, i);
    }
    sigaction(SIGUSR1, &saved, NULL);
    aio_bh_delete(handler_bh);
}

#ifdef MORTISE_SANITIZE
#define TURNS 3000
#else
#define TURNS 50000
#endif

/* A ball that two threads play: each throw must end the other's wait, or the
 * game, and the test, hangs. */
struct player {
    struct aio_context *ctx;
    struct aio_bh *bh;
    struct player *other;
    int catches;
};

static void catch_ball(void *opaque)
{
    struct player *p = opaque;

    if (++p->catches <= TURNS) {
        aio_bh_schedule(p->other->bh);
    }
}

static void *play(void *opaque)
{
    struct player *p = opaque;

    aio_context_enter(p->ctx);
    while (p->catches < TURNS) {
        (void)aio_poll(p->ctx, true);
    }
    aio_context_leave(p->ctx);
    return NULL;
}

static void test_no_wake_up_is_lost_between_two_loops(void **state)
{
    struct player players[2] = {{.other = &players[1]}, {.other = &players[0]}};
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(aio_context_new("player", test_monitor, &players[i].ctx, NULL), 0);
        players[i].bh = aio_bh_new(players[i].ctx, catch_ball, &players[i]);
    }
    aio_bh_schedule(players[0].bh);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_true(players[i].catches >= TURNS);
    }
    for (int i = 0; i < 2; i++) {
        aio_context_enter(players[i].ctx);
        aio_bh_delete(players[i].bh);
        while (aio_poll(players[i].ctx, false)) {
        }
        aio_context_leave(players[i].ctx);
        aio_context_unref(players[i].ctx);
    }
}

static void bug_left_over(void) NO_THREAD_SAFETY_ANALYSIS
{
    static int runs;

    aio_bh_schedule_oneshot(test_ctx, count, &runs);
    aio_context_leave(test_ctx);
    aio_context_unref(test_ctx);
}

static void test_context_freed_with_work_left_stops(void **state)
{
    (void)state;
    assert_stops(bug_left_over, "is freed with the bottom half count scheduled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AIO_TEST(test_bottom_half_runs_once_for_many_schedules),
        AIO_TEST(test_bottom_halves_run_in_the_order_of_their_scheduling),
        AIO_TEST(test_oneshot_runs_once),
        AIO_TEST(test_cancelled_bottom_half_does_not_run),
        AIO_TEST(test_deleted_bottom_half_does_not_run),
        AIO_TEST(test_bottom_half_scheduled_by_itself_runs_in_the_next_round),
        AIO_TEST(test_nested_round_runs_what_the_outer_has_left),
        AIO_TEST(test_bottom_half_may_delete_itself_and_run_the_loop),
        AIO_TEST(test_idle_bottom_half_runs_but_is_no_progress),
        AIO_TEST(test_idle_bottom_half_that_schedules_itself_lets_the_loop_sleep),
        AIO_TEST(test_idle_bottom_half_runs_in_a_gmaincontext),
        AIO_TEST(test_guarded_bottom_half_waits_until_its_device_is_left),
        AIO_TEST(test_those_that_wait_for_a_device_keep_their_order),
        AIO_TEST(test_signal_handler_may_schedule),
        AIO_TEST(test_no_wake_up_is_lost_between_two_loops),
        AIO_TEST(test_context_freed_with_work_left_stops),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
