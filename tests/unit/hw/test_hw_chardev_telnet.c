/* A telnet client at the other end of a character device. */
#include "chardev_test.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "hw/chardev_internal.h"

#define TERMS "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00"

static char path[32];
static struct test_client client;
static struct chardev *device;
static int peer;

static void turns(void)
{
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    for (unsigned i = 0; i < 10; i++) {
        main_loop_wait(true);
    }
}

static void assert_sent(const char *bytes, size_t len)
{
    char buf[64];
    turns();
    assert_int_equal(recv(peer, buf, sizeof(buf), MSG_DONTWAIT), len);
    assert_memory_equal(buf, bytes, len);
}

static void assert_received(const char *sent, size_t len, const char *text)
{
    client.len = 0;
    client.got[0] = '\0';
    assert_int_equal(send(peer, sent, len, 0), len);
    turns();
    assert_string_equal(client.got, text);
}

static int setup(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct chardev *back;
    struct error err = {""};
    char spec[64];
    (void)state;

    bql_assert_locked();
    strcpy(path, "/tmp/mortise-telnet-XXXXXX");
    (void)close(mkstemp(path));
    (void)unlink(path);
    (void)snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", path);
    assert_int_equal(chardev_new(spec, "serial0", false, &back, &err), 0);
    assert_int_equal(chardev_telnet_new(back, &device, &err), 0);
    test_client_attach(&client, device);
    peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    assert_int_equal(connect(peer, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_sent(TERMS, sizeof(TERMS) - 1);
    assert_int_equal(client.up, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    chardev_free(device);
    (void)close(peer);
    (void)unlink(path);
    return 0;
}

static void test_what_is_agreed_on_is_no_input(void **state)
{
    (void)state;
    assert_received("\xff\xfd\x01"
                    "a\xff\xfe\x03\xff\xfb\x18"
                    "b",
                    11, "ab");
    assert_received("\xff\xfa\x18\x00xterm\xff\xff\xff\xf0"
                    "c\xff\xf1"
                    "d",
                    17, "cd");
    assert_received("\xff", 1, "");
    assert_received("\xff", 1, "\xff");
    assert_received("\xff\xfd", 2, "");
    assert_received("\x03"
                    "e",
                    2, "e");
}

static void test_a_byte_255_is_sent_twice(void **state)
{
    (void)state;
    bql_assert_locked();
    assert_int_equal(chardev_write(device,
                                   "a\xff\xff"
                                   "b",
                                   4),
                     4);
    assert_sent("a\xff\xff\xff\xff"
                "b",
                6);
    assert_int_equal(chardev_write(device, "\xff", 1), 1);
    assert_sent("\xff\xff", 2);
}

/* More than the socket and the buffer take, of the byte that is sent twice. */
static void test_bytes_255_wait_for_room_and_none_is_lost(void **state)
{
    static uint8_t much[1 << 20], buf[65536];
    size_t taken = 0, seen = 0;
    (void)state;
    bql_assert_locked();
    memset(much, 0xff, sizeof(much));
    for (unsigned i = 0; i < 100000 && seen < 2 * sizeof(much); i++) {
        taken += chardev_write(device, much + taken, sizeof(much) - taken);
        for (ssize_t n; (n = recv(peer, buf, sizeof(buf), MSG_DONTWAIT)) > 0;) {
            seen += (size_t)n;
        }
        turns();
    }
    assert_int_equal(taken, sizeof(much));
    assert_int_equal(seen, 2 * sizeof(much));
}

static void test_who_comes_next_is_told_again(void **state)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)state;
    bql_assert_locked();
    assert_received("\xff", 1, ""); /* and leaves within a command */
    (void)close(peer);
    turns();
    assert_int_equal(client.down, 1);
    peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    assert_int_equal(connect(peer, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_sent(TERMS, sizeof(TERMS) - 1);
    assert_received("x", 1, "x");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_agreed_on_is_no_input),
        TEST(test_a_byte_255_is_sent_twice),
        TEST(test_bytes_255_wait_for_room_and_none_is_lost),
        TEST(test_who_comes_next_is_told_again),
    };
    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
