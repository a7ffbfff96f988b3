/* What the kernel may refuse: each fault is injected for real, by a limit or by a
 * seccomp filter, in a child process. The answer is an error or a fallback. */
#include "aio_test.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "aio/iothread.h"
#include "aio/thread_pool.h"
#include "base/log.h"

/* The child's expectations: no cmocka there. */
#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #cond);                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void assert_holds_in_child(void (*fn)(void))
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        fn();
        exit(0); /* and LeakSanitizer looks */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        fail_msg("expected the child to succeed; got status %#x", (unsigned)status);
    }
}

/* From here on the process gets errnum for these two system calls. */
static void refuse(int nr, int nr2, int errnum)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void expect_monitor(enum aio_monitor wanted, const char *got) NO_THREAD_SAFETY_ANALYSIS
{
    struct aio_context *ctx;

    EXPECT(aio_context_new("fault", wanted, &ctx, NULL) == 0);
    EXPECT(strcmp(aio_context_monitor_name(ctx), got) == 0);
    aio_context_enter(ctx);
    aio_notify(ctx);
    (void)aio_poll(ctx, true);
    aio_context_leave(ctx);
    aio_context_unref(ctx);
}

static void without_io_uring(void)
{
    char path[] = "/tmp/mortise-aio-log-XXXXXX", text[256] = "";
    int fd = mkstemp(path);

    EXPECT(fd >= 0);
    EXPECT(log_start(LOG_AIO, path, NULL) == 0);
    refuse(SYS_io_uring_setup, SYS_io_uring_setup, EPERM);
    expect_monitor(AIO_MONITOR_IO_URING, "epoll");
    expect_monitor(AIO_MONITOR_AUTO, "epoll");
    EXPECT(pread(fd, text, sizeof(text) - 1, 0) > 0);
    EXPECT(strstr(text, "cannot use io_uring: Operation not permitted"));
    unlink(path);
}

static void test_io_uring_refused_falls_back_to_epoll(void **state)
{
    (void)state;
    assert_holds_in_child(without_io_uring);
}

static void without_epoll(void)
{
    refuse(SYS_io_uring_setup, SYS_epoll_create1, ENOSYS);
    expect_monitor(AIO_MONITOR_AUTO, "poll");
    expect_monitor(AIO_MONITOR_EPOLL, "poll");
}

static void test_epoll_refused_falls_back_to_poll(void **state)
{
    (void)state;
    assert_holds_in_child(without_epoll);
}

static void without_epoll_ctl(void)
{
    refuse(SYS_epoll_ctl, SYS_epoll_ctl, ENOSPC);
    expect_monitor(AIO_MONITOR_AUTO, "poll");
}

static void test_epoll_that_watches_nothing_falls_back_to_poll(void **state)
{
    (void)state;
    assert_holds_in_child(without_epoll_ctl);
}

static void without_descriptors(void)
{
    struct rlimit limit = {64, 64};
    struct event_notifier e;
    struct aio_context *ctx;
    struct iothread *io;
    struct error err = {""};
    int fds[64], count = 0;

    EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while ((fds[count] = dup(0)) >= 0) {
        count++;
    }
    EXPECT(event_notifier_init(&e, false, &err) == -EMFILE);
    EXPECT(strstr(err.text, "Too many open files"));
    EXPECT(aio_context_new("fault", AIO_MONITOR_AUTO, &ctx, &err) == -EMFILE);
    EXPECT(iothread_new("fault", AIO_MONITOR_AUTO, &io, &err) == -EMFILE);
    /* One to spare: the notifier, but then a ring, or a set. It falls back as
     * far as poll, which needs none. */
    close(fds[--count]);
    EXPECT(aio_context_new("fault", AIO_MONITOR_AUTO, &ctx, &err) == 0);
    EXPECT(strcmp(aio_context_monitor_name(ctx), "poll") == 0);
    aio_context_unref(ctx);
    /* Nothing leaked: the same again. */
    EXPECT(aio_context_new("fault", AIO_MONITOR_AUTO, &ctx, &err) == 0);
    aio_context_unref(ctx);
    EXPECT(dup(0) >= 0);
    EXPECT(dup(0) < 0);
    close(fds[--count]); /* for LeakSanitizer */
}

static void test_no_descriptors_left_is_an_error_and_leaks_none(void **state)
{
    (void)state;
    assert_holds_in_child(without_descriptors);
}

static int work(void *arg)
{
    ++*(int *)arg;
    return 0;
}

static void done(void *opaque, int ret)
{
    *(int *)opaque = ret + 1;
}

static void without_threads(void) NO_THREAD_SAFETY_ANALYSIS
{
    struct aio_context *ctx;
    struct iothread *io;
    struct error err = {""};
    int runs = 0, completed = 0;

    refuse(SYS_clone, SYS_clone3, EAGAIN);
    EXPECT(iothread_new("fault", AIO_MONITOR_AUTO, &io, &err) == -EAGAIN);
    EXPECT(strstr(err.text, "cannot start thread fault"));
    EXPECT(aio_context_new("fault", AIO_MONITOR_AUTO, &ctx, NULL) == 0);
    aio_context_enter(ctx);
    EXPECT(thread_pool_submit_aio(ctx, work, &runs, done, &completed, NULL, &err) == -EAGAIN);
    EXPECT(!aio_poll(ctx, false));
    EXPECT(runs == 0 && completed == 0);
    EXPECT(thread_pool_workers(aio_get_thread_pool(ctx)) == 0);
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    _exit(0); /* LeakSanitizer needs a thread */
}

static void test_no_thread_to_be_had_is_an_error(void **state)
{
    (void)state;
    assert_holds_in_child(without_threads);
}

/* One worker is there when threads run out: the rest waits for it. */
static void with_one_thread(void) NO_THREAD_SAFETY_ANALYSIS
{
    struct aio_context *ctx;
    int runs = 0, completed[50] = {0};

    EXPECT(aio_context_new("fault", AIO_MONITOR_AUTO, &ctx, NULL) == 0);
    aio_context_enter(ctx);
    EXPECT(thread_pool_submit_aio(ctx, work, &runs, done, &completed[0], NULL, NULL) == 0);
    refuse(SYS_clone, SYS_clone3, EAGAIN);
    for (int i = 1; i < 50; i++) {
        EXPECT(thread_pool_submit_aio(ctx, work, &runs, done, &completed[i], NULL, NULL) == 0);
    }
    for (int i = 0; i < 50; i++) {
        while (!completed[i]) {
            (void)aio_poll(ctx, true);
        }
    }
    EXPECT(runs == 50);
    aio_context_leave(ctx);
    aio_context_unref(ctx);
    _exit(0); /* LeakSanitizer needs a thread */
}

static void test_work_is_not_lost_when_no_more_threads_start(void **state)
{
    (void)state;
    assert_holds_in_child(with_one_thread);
}

static int notified;

static void on_notifier(struct event_notifier *e)
{
    (void)e;
    notified++;
}

/* An eventfd at its maximum refuses writes; it is set, so nothing is lost. */
static void test_full_notifier_is_still_reported(void **state)
{
    static const struct event_notifier_ops ops = {.handler = on_notifier};
    uint64_t nearly = UINT64_MAX - 1;
    struct event_notifier e;

    (void)state;
    notified = 0;
    assert_int_equal(event_notifier_init(&e, false, NULL), 0);
    assert_int_equal(write(event_notifier_get_fd(&e), &nearly, sizeof(nearly)), sizeof(nearly));
    event_notifier_set(&e);
    event_notifier_set(&e);
    assert_int_equal(aio_set_event_notifier(test_ctx, &e, 0, &ops, NULL), 0);
    while (notified == 0) {
        assert_true(test_round(true));
    }
    assert_true(event_notifier_test_and_clear(&e) || test_monitor == AIO_MONITOR_POLL);
    aio_clear_event_notifier(test_ctx, &e);
    event_notifier_cleanup(&e);
}

/* One that somebody fills once it is watched, as a process that shares it can. */
static void test_set_of_a_full_notifier_is_reported(void **state)
{
    static const struct event_notifier_ops ops = {.handler = on_notifier};
    const uint64_t nearly = UINT64_MAX - 1;
    struct event_notifier e;

    (void)state;
    notified = 0;
    assert_int_equal(event_notifier_init(&e, false, NULL), 0);
    assert_int_equal(aio_set_event_notifier(test_ctx, &e, 0, &ops, NULL), 0);
    assert_false(test_round(false));
    assert_int_equal(write(event_notifier_get_fd(&e), &nearly, sizeof(nearly)), sizeof(nearly));
    test_settle();
    assert_int_equal(notified, 1);
    event_notifier_set(&e);
    test_settle();
    assert_int_equal(notified, 2);
    aio_clear_event_notifier(test_ctx, &e);
    event_notifier_cleanup(&e);
}

/* More descriptors become ready, and more change, in one round than any queue
 * towards the kernel or back has room for. */
#define CROWD 1200

static int crowd_reads;

static void read_crowd(void *opaque)
{
    char c;

    assert_int_equal(read(*(int *)opaque, &c, 1), 1);
    crowd_reads++;
}

static void test_overflowing_queues_lose_nothing(void **state)
{
    static const struct aio_fd_ops ops = {.io_read = read_crowd};
    static int ends[CROWD][2];

    (void)state;
    crowd_reads = 0;
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pipe2(ends[i], O_NONBLOCK | O_CLOEXEC), 0);
    }
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < CROWD; i++) {
            assert_int_equal(aio_set_fd_handler(test_ctx, ends[i][0], 0, &ops, &ends[i][0], NULL),
                             0);
        }
        (void)test_round(false);
        for (int i = 0; i < CROWD; i++) {
            assert_int_equal(write(ends[i][1], "x", 1), 1);
        }
        while (crowd_reads < round * CROWD) {
            assert_true(test_round(true));
        }
        for (int i = 0; i < CROWD; i++) {
            aio_clear_fd_handler(test_ctx, ends[i][0]);
        }
    }
    test_settle();
    assert_int_equal(crowd_reads, 3 * CROWD);
    for (int i = 0; i < CROWD; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest faults[] = {
        cmocka_unit_test(test_io_uring_refused_falls_back_to_epoll),
        cmocka_unit_test(test_epoll_refused_falls_back_to_poll),
        cmocka_unit_test(test_epoll_that_watches_nothing_falls_back_to_poll),
        cmocka_unit_test(test_no_descriptors_left_is_an_error_and_leaks_none),
        cmocka_unit_test(test_no_thread_to_be_had_is_an_error),
        cmocka_unit_test(test_work_is_not_lost_when_no_more_threads_start),
    };
    const struct CMUnitTest tests[] = {
        AIO_TEST(test_full_notifier_is_still_reported),
        AIO_TEST(test_set_of_a_full_notifier_is_reported),
        AIO_TEST(test_overflowing_queues_lose_nothing),
    };
    int failed = cmocka_run_group_tests(faults, NULL, NULL);

    return failed + test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
