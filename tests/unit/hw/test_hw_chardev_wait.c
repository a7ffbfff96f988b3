/* Character devices that wait at the start, and what ends that. */
#include "chardev_test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/mortise-wait-XXXXXX";
static char path[64];

static struct sockaddr_un address(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return a;
}

/* Somebody who listens, and to whom so many call already that nobody gets through. */
static int make_crowded_listener(int callers[4])
{
    struct sockaddr_un a = address();
    unsigned n = 0;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 0), 0);
    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(fd >= 0 && n < 4);
        callers[n++] = fd;
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
            assert_int_equal(errno, EAGAIN);
            return listener;
        }
    }
}

static void close_all(int listener, const int callers[4])
{
    (void)unlink(path);
    for (unsigned i = 0; i < 4; i++) {
        (void)close(callers[i]);
    }
    (void)close(listener);
}

static void test_who_calls_where_nobody_answers_can_be_interrupted(void **state)
{
    int callers[4] = {-1, -1, -1, -1}, interrupt[2];
    int listener = make_crowded_listener(callers);
    struct error err = {""};
    struct chardev *device;
    char spec[128];
    (void)state;
    bql_assert_locked();
    assert_int_equal(pipe2(interrupt, O_CLOEXEC), 0);
    assert_int_equal(write(interrupt[1], "!", 1), 1);
    chardev_set_interrupt(interrupt[0]);
    (void)snprintf(spec, sizeof(spec), "unix:%s", path);
    assert_int_equal(chardev_new(spec, "serial0", false, &device, &err), -EINTR);
    assert_non_null(strstr(err.text, "serial0: cannot connect to"));
    chardev_set_interrupt(-1);
    (void)close(interrupt[0]);
    (void)close(interrupt[1]);
    close_all(listener, callers);
}

struct answerer {
    int listener;
    int fd; /* of the one who has said something; -1: nobody has */
    char byte;
};

static void *answer_all(void *opaque)
{
    struct answerer *a = opaque;
    int fd;
    while ((fd = accept(a->listener, NULL, NULL)) >= 0) {
        if (recv(fd, &a->byte, 1, 0) == 1) {
            a->fd = fd;
            break;
        }
        (void)close(fd);
    }
    return NULL;
}

static void test_who_calls_in_a_crowd_gets_through_when_there_is_room(void **state)
{
    int callers[4] = {-1, -1, -1, -1};
    struct answerer answerer = {.listener = make_crowded_listener(callers), .fd = -1};
    struct error err = {""};
    struct test_client client;
    struct chardev *device;
    char spec[128];
    pthread_t thread;
    (void)state;
    bql_assert_locked();
    for (unsigned i = 0; i < 4; i++) {
        (void)shutdown(callers[i], SHUT_WR);
    }
    assert_int_equal(pthread_create(&thread, NULL, answer_all, &answerer), 0);
    (void)snprintf(spec, sizeof(spec), "unix:%s", path);
    assert_int_equal(chardev_new(spec, "serial0", false, &device, &err), 0);
    test_client_attach(&client, device);
    assert_int_equal(chardev_write(device, "!", 1), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(answerer.byte, '!');
    assert_int_equal(write(answerer.fd, "ping", 4), 4);
    test_turns();
    assert_string_equal(client.got, "ping");
    chardev_free(device);
    (void)close(answerer.fd);
    close_all(answerer.listener, callers);
}

static int setup(void **state)
{
    if (test_machine_up(state) || !mkdtemp(directory)) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/socket", directory);
    return 0;
}

static int teardown(void **state)
{
    return test_machine_down(state) || rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_calls_where_nobody_answers_can_be_interrupted),
        cmocka_unit_test(test_who_calls_in_a_crowd_gets_through_when_there_is_room),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
