/* What the tests of event loops share: a context per test, with the calling
 * thread as its home, and a way to run a suite against each monitor. */
#ifndef TESTS_UNIT_AIO_TEST_H
#define TESTS_UNIT_AIO_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/aio.h"
#include "aio/bh.h"
#include "base/tsan.h"

#ifdef MORTISE_TSAN
/* TSan does not see glib's own locking, so it must not see its mallocs. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libglib-2.0.so";
}
#endif

/* TSan takes fibers for threads, and after a fork with threads it ignores what
 * the main one does to synchronise, and then reports what it did not see. */
#ifdef MORTISE_TSAN
#define SKIP_WHERE_FORKS_CONFUSE_TSAN() skip()
#else
#define SKIP_WHERE_FORKS_CONFUSE_TSAN() ((void)0)
#endif

static enum aio_monitor test_monitor = AIO_MONITOR_AUTO;
static struct aio_context *test_ctx;

__attribute__((unused)) static int test_setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err = {""};

    (void)state;
    if (aio_context_new("test", test_monitor, &test_ctx, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    aio_context_enter(test_ctx);
    return 0;
}

/* One round of the test's context. */
__attribute__((unused)) static bool test_round(bool blocking)
{
    aio_context_assert_home(test_ctx);
    return aio_poll(test_ctx, blocking);
}

/* Rounds until none does anything. */
__attribute__((unused)) static void test_settle(void)
{
    while (test_round(false)) {
    }
}

__attribute__((unused)) static int test_teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    test_settle();
    aio_context_leave(test_ctx);
    aio_context_unref(test_ctx);
    test_ctx = NULL;
    return 0;
}

#define AIO_TEST(fn) cmocka_unit_test_setup_teardown(fn, test_setup, test_teardown)

/* Runs the suite once for each monitor. */
__attribute__((unused)) static int test_each_monitor(const struct CMUnitTest *tests, size_t count)
{
    static const struct {
        enum aio_monitor monitor;
        const char *name;
    } monitors[] = {
        {AIO_MONITOR_POLL, "poll"},
        {AIO_MONITOR_EPOLL, "epoll"},
        {AIO_MONITOR_IO_URING, "io_uring"},
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof(monitors) / sizeof(monitors[0]); i++) {
        test_monitor = monitors[i].monitor;
        failed += _cmocka_run_group_tests(monitors[i].name, tests, count, NULL, NULL);
    }
    return failed;
}

/* Runs bug in a child, which has to stop with a line that has `expected`. */
__attribute__((unused)) static void assert_stops(void (*bug)(void), const char *expected)
{
    static char text[4096];
    int fds[2], status;
    size_t length = 0;

    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        alarm(60);
        bug();
        _exit(0);
    }
    close(fds[1]);
    for (ssize_t n; (n = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0;) {
        length += (size_t)n;
    }
    text[length] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if ((WIFEXITED(status) && WEXITSTATUS(status) == 0) || !strstr(text, expected)) {
        fail_msg("expected a stop with \"%s\"; got status %#x and: %s", expected, (unsigned)status,
                 text);
    }
}

#endif
