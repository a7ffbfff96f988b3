/* Character devices on sockets: both roles, people who come, stay too long and leave,
 * and addresses that are none. */
#include "chardev_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char directory[] = "/tmp/mortise-socket-XXXXXX";
static char path[64];
static struct test_client client;
static struct chardev *device;

static void make(const char *spec)
{
    struct error err = {""};
    bql_assert_locked();
    if (chardev_new(spec, "serial0", false, &device, &err) != 0) {
        fail_msg("%s", err.text);
    }
    test_client_attach(&client, device);
}

static void make_server(void)
{
    char spec[128];
    (void)snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", path);
    make(spec);
}

/* Its sentence. */
static const char *refusal(const char *spec, int code)
{
    static struct error err;
    bql_assert_locked();
    assert_int_equal(chardev_new(spec, "serial0", false, &device, &err), -code);
    assert_null(device);
    assert_non_null(strstr(err.text, "serial0: "));
    return err.text;
}

static struct sockaddr_un address(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    return a;
}

static int dial(void)
{
    struct sockaddr_un a = address();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    test_turns();
    return fd;
}

static void assert_sent(int fd, const char *text)
{
    char buf[64] = "";
    size_t len = strlen(text);
    assert_int_equal(recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT), len);
    assert_memory_equal(buf, text, len);
}

static void assert_closed(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

static void test_addresses_that_are_none_are_refused(void **state)
{
    char long_path[400];
    (void)state;
    assert_non_null(strstr(refusal("unix:", EINVAL), "no address"));
    assert_non_null(strstr(refusal("tcp:,server=on", EINVAL), "no address"));
    (void)refusal("tcp:4555", EINVAL);
    (void)refusal("tcp:127.0.0.1:no-such-service", EHOSTUNREACH);
    (void)snprintf(long_path, sizeof(long_path), "unix:/tmp/%0120d", 0);
    assert_non_null(strstr(refusal(long_path, ENAMETOOLONG), "/tmp/000"));
    (void)snprintf(long_path, sizeof(long_path), "unix:/tmp/%0300d", 0);
    assert_non_null(strstr(refusal(long_path, ENAMETOOLONG), "too long"));
}

static void test_options_that_are_none_are_refused(void **state)
{
    char spec[128];
    static const char *const options[] = {"server=yes", "wait=", "serve", "nowait=1",
                                          "server=on=off"};
    (void)state;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        (void)snprintf(spec, sizeof(spec), "unix:%s,%s", path, options[i]);
        const char *text = refusal(spec, EINVAL);
        assert_non_null(strstr(text, options[i]));
    }
}

static void test_who_calls_and_finds_nobody_is_told(void **state)
{
    char spec[128];
    (void)state;
    (void)snprintf(spec, sizeof(spec), "unix:%s", path);
    assert_non_null(strstr(refusal(spec, ENOENT), "cannot connect to"));
}

static void test_a_caller_talks_and_hears_the_other_side_hang_up(void **state)
{
    struct sockaddr_un a = address();
    char spec[128];
    (void)state;
    bql_assert_locked();
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 1), 0);
    (void)snprintf(spec, sizeof(spec), "unix:%s", path);
    make(spec);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(client.up, 1);
    assert_int_equal(write(fd, "ping", 4), 4);
    test_turns();
    assert_string_equal(client.got, "ping");
    assert_int_equal(chardev_write(device, "pong", 4), 4);
    assert_sent(fd, "pong");
    (void)close(fd);
    test_turns();
    assert_int_equal(client.down, 1);
    assert_int_equal(chardev_write(device, "lost", 4), 4);
    (void)close(listener);
}

static void test_tcp_carries_both_directions(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    char spec[64];
    (void)state;
    bql_assert_locked();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
    (void)snprintf(spec, sizeof(spec), "tcp:127.0.0.1:%u", ntohs(a.sin_port));
    make(spec);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(chardev_write(device, "abc", 3), 3);
    assert_sent(fd, "abc");
    assert_int_equal(write(fd, "def", 3), 3);
    test_turns();
    assert_string_equal(client.got, "def");
    (void)close(fd);
    (void)close(listener);
}

static void test_a_server_has_one_guest_after_the_other(void **state)
{
    (void)state;
    bql_assert_locked();
    make_server();
    assert_int_equal(client.up, 0);
    assert_int_equal(chardev_write(device, "nobody hears", 12), 12);
    assert_true(chardev_can_write(device));
    for (unsigned round = 1; round <= 3; round++) {
        int fd = dial();
        assert_int_equal(client.up, round);
        assert_int_equal(chardev_write(device, "hello", 5), 5);
        assert_sent(fd, "hello"); /* and nothing from before */
        int second = dial();
        assert_closed(second);
        (void)close(second);
        assert_int_equal(client.up, round);
        client.len = 0;
        assert_int_equal(write(fd, "x", 1), 1);
        test_turns();
        assert_string_equal(client.got, "x");
        (void)close(fd);
        test_turns();
        assert_int_equal(client.down, round);
    }
}

/* What has come before they left is read to its end. */
static void test_last_words_are_heard(void **state)
{
    (void)state;
    bql_assert_locked();
    make_server();
    client.room = 2;
    int fd = dial();
    assert_int_equal(write(fd, "word", 4), 4);
    (void)close(fd);
    test_turns();
    assert_string_equal(client.got, "wo");
    assert_int_equal(client.down, 0);
    client.room = 10;
    chardev_accept_input(device);
    test_turns();
    assert_string_equal(client.got, "word");
    assert_int_equal(client.down, 1);
}

/* While the guest takes no input, that they have left shows when the next one comes. */
static void test_who_has_left_keeps_nobody_out(void **state)
{
    (void)state;
    bql_assert_locked();
    make_server();
    client.room = 2;
    int fd = dial();
    assert_int_equal(write(fd, "word", 4), 4);
    test_turns();
    int second = dial(); /* the first is there yet */
    assert_closed(second);
    (void)close(second);
    (void)close(fd);
    test_turns();
    fd = dial();
    assert_int_equal(client.down, 1);
    assert_int_equal(client.up, 2);
    assert_int_equal(chardev_write(device, "hello", 5), 5);
    assert_sent(fd, "hello");
    client.room = 10;
    assert_int_equal(write(fd, "!", 1), 1);
    chardev_accept_input(device);
    test_turns();
    assert_string_equal(client.got, "wo!");
    (void)close(fd);
    test_turns();
    assert_int_equal(client.down, 2);
}

/* Both show in one turn of the main loop. */
static void test_last_words_are_heard_before_the_next_one_comes(void **state)
{
    (void)state;
    bql_assert_locked();
    make_server();
    int fd = dial();
    for (unsigned i = 1; i <= 5; i++) {
        client.len = 0;
        assert_int_equal(write(fd, "words", 5), 5);
        (void)close(fd);
        fd = dial();
        assert_string_equal(client.got, "words");
        assert_int_equal(client.down, i);
        assert_int_equal(client.up, i + 1);
    }
    (void)close(fd);
}

/* Output that waits for one who leaves is lost, but who sends it must not wait on. */
static void fill_and_hang_up(size_t room)
{
    static const uint8_t zeros[65536];
    bql_assert_locked();
    make_server();
    client.room = room;
    int fd = dial();
    while (chardev_write(device, zeros, sizeof(zeros)) == sizeof(zeros)) {
    }
    assert_false(chardev_can_write(device));
    test_turns();
    assert_int_equal(client.writable, 0);
    (void)close(fd);
    test_turns();
    assert_true(chardev_can_write(device));
    assert_int_equal(client.writable, 1);
    chardev_free(device);
    device = NULL;
}

static void test_output_goes_on_when_who_did_not_read_it_has_left(void **state)
{
    (void)state;
    fill_and_hang_up(100);
    fill_and_hang_up(0); /* with no room for input either */
}

static void test_a_server_takes_the_place_of_a_socket_but_of_nothing_else(void **state)
{
    char spec[128], buf[8] = "";
    (void)state;
    bql_assert_locked();
    make_server();
    chardev_free(device); /* leaves the socket, as one that was killed does */
    device = NULL;
    make_server();
    (void)close(dial());
    chardev_free(device);
    device = NULL;
    (void)unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "letter", 6), 6);
    (void)snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", path);
    assert_non_null(strstr(refusal(spec, EADDRINUSE), path));
    (void)close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, buf, sizeof(buf)), 6);
    (void)close(fd);
}

static int begin(void **state)
{
    (void)state;
    device = NULL;
    return 0;
}

static int end(void **state)
{
    (void)state;
    bql_assert_locked();
    chardev_free(device);
    (void)unlink(path);
    return 0;
}

static int setup(void **state)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_addresses_that_are_none_are_refused),
        TEST(test_options_that_are_none_are_refused),
        TEST(test_who_calls_and_finds_nobody_is_told),
        TEST(test_a_caller_talks_and_hears_the_other_side_hang_up),
        TEST(test_tcp_carries_both_directions),
        TEST(test_a_server_has_one_guest_after_the_other),
        TEST(test_last_words_are_heard),
        TEST(test_who_has_left_keeps_nobody_out),
        TEST(test_last_words_are_heard_before_the_next_one_comes),
        TEST(test_output_goes_on_when_who_did_not_read_it_has_left),
        TEST(test_a_server_takes_the_place_of_a_socket_but_of_nothing_else),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
