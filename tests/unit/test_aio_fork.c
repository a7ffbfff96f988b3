/* Forking while other threads make contexts, wake them all, read the virtual clock,
 * trace and run coroutines: in the child all of that works. */
#include "aio_test.h"

#include "aio/clock.h"
#include "aio/coroutine.h"
#include "aio/trace.h"
#include "locks/fork.h"
#include "locks/thread.h"

#define THREADS 3
#define FORKS   20

static atomic_bool stop;
static FILE *sink;

static void nothing(void *opaque)
{
    (void)opaque;
}

/* More at once than a thread keeps, so that some go to the pool of all. Not with
 * TSan, which takes fibers for threads and loses track of them in a fork. */
static void run_coroutines(void)
{
    struct coroutine *co[COROUTINE_POOL_THREAD + 16];
    const size_t count = sizeof(co) / sizeof(co[0]);

#ifdef MORTISE_TSAN
    return;
#endif
    for (size_t i = 0; i < count; i++) {
        co[i] = coroutine_create(nothing, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        coroutine_enter(co[i]);
    }
}

/* Each of the room's global locks is taken. */
static void use_all(void) NO_THREAD_SAFETY_ANALYSIS
{
    struct aio_context *ctx;

    if (aio_context_new("busy", AIO_MONITOR_POLL, &ctx, NULL) < 0) {
        abort();
    }
    aio_context_enter(ctx);
    aio_bh_schedule_oneshot(ctx, nothing, NULL);
    aio_notify_all();
    while (!aio_poll(ctx, true)) {
    }
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    aio_clock_set_virtual_running(true);
    for (int i = 0; i < 100; i++) {
        (void)aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    }
    run_coroutines();
    if (aio_trace_start(64, NULL) < 0 || aio_trace_write_json(sink, NULL) < 0) {
        abort();
    }
}

static void *busy(void *unused)
{
    while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
        use_all();
    }
    return unused;
}

/* Its status; a lock that stays held is a hang. */
static int fork_once(void) NO_THREAD_SAFETY_ANALYSIS
{
    int status;

    locks_before_fork();
    pid_t pid = fork();
    if (pid == 0) {
        locks_after_fork_child();
        alarm(60);
        use_all();
        _exit(0);
    }
    locks_after_fork_parent();
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_everything_works_in_the_child(void **state)
{
    struct thread threads[THREADS];

    (void)state;
    aio_hold_locks_across_fork();
    sink = fopen("/dev/null", "w");
    assert_non_null(sink);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(thread_create(&threads[i], "busy", busy, NULL, NULL), 0);
    }
    for (int i = 0; i < FORKS; i++) {
        assert_int_equal(fork_once(), 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        thread_join(&threads[i]);
    }
    aio_trace_stop();
    fclose(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_works_in_the_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
