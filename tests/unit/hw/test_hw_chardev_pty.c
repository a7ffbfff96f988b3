/* Character devices on pseudo terminals: people sit down, leave in the middle of things, or
 * only look in. */
#include "chardev_test.h"

#include <time.h>

#define MUCH 200000u /* more than a terminal and our buffer take */

static char directory[] = "/tmp/mortise-pty-XXXXXX";
static char printed[64];
static struct test_client client;
static const uint8_t zeros[MUCH];

static void write_text(struct chardev *c, const char *text)
{
    bql_assert_locked();
    assert_int_equal(chardev_write(c, text, strlen(text)), strlen(text));
}

static struct chardev *make_pty(char name[64])
{
    bql_assert_locked();
    struct chardev *c = test_pty_new("serial0", printed, name);
    test_client_attach(&client, c);
    return c;
}

/* That they have come is noticed within a moment, which on a busy machine is a long one. */
static int sit_down(const char *name, unsigned times)
{
    const struct timespec time = {.tv_nsec = 10000000};
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < 3000 && client.up < times; i++) {
        (void)nanosleep(&time, NULL);
        test_turns();
    }
    assert_int_equal(client.up, times);
    return fd;
}

static void test_a_pseudo_terminal_is_raw_and_outlives_who_is_at_it(void **state)
{
    char name[64], buf[16] = "";
    (void)state;
    bql_assert_locked();
    struct chardev *c = make_pty(name);
    int fd = sit_down(name, 1);
    assert_int_equal(write(fd, "a\r\x03", 3), 3);
    test_turns();
    assert_memory_equal(client.got, "a\r\x03", 4);
    write_text(c, "b\n");
    assert_int_equal(read(fd, buf, sizeof(buf)), 2); /* no CR, and no echo */
    assert_string_equal(buf, "b\n");
    assert_int_equal(close(fd), 0);
    test_turns();
    assert_int_equal(client.down, 1);
    fd = sit_down(name, 2);
    assert_int_equal(write(fd, "c\r", 2), 2);
    test_turns();
    assert_memory_equal(client.got + 3, "c\r", 3);
    assert_int_equal(close(fd), 0);
    chardev_free(c);
}

/* As in `echo quit >/dev/pts/7`: gone before it is looked whether somebody is there. */
static void test_what_a_visitor_leaves_at_a_pseudo_terminal_is_heard(void **state)
{
    char name[64];
    (void)state;
    bql_assert_locked();
    struct chardev *c = make_pty(name);
    for (unsigned i = 1; i <= 2; i++) {
        int fd = open(name, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "quit\n", 5), 5);
        assert_int_equal(close(fd), 0);
        client.len = 0;
        for (unsigned n = 0; n < 500 && client.down < i; n++) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            test_turns();
        }
        assert_int_equal(client.up, i);
        assert_int_equal(client.down, i);
        assert_string_equal(client.got, "quit\n");
    }
    chardev_free(c);
}

/* A guest that takes no input and waits for room: it gets it, and who has left no more is
 * taken to be there for what they typed. */
static void test_who_has_left_a_pseudo_terminal_is_gone_with_what_they_typed(void **state)
{
    char name[64];
    (void)state;
    bql_assert_locked();
    struct chardev *c = make_pty(name);
    int fd = sit_down(name, 1);
    client.room = 0;
    assert_int_equal(write(fd, "typed", 5), 5);
    assert_in_range(chardev_write(c, zeros, MUCH), 1, MUCH - 1);
    assert_int_equal(close(fd), 0);
    for (unsigned n = 0; n < 100; n++) { /* a second: it is looked three times */
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
        test_turns();
    }
    assert_int_equal(client.writable, 1);
    assert_int_equal(client.down, 1);
    assert_int_equal(client.up, 1);
    chardev_free(c);
}

/* Before they come, and when they leave with the guest in the middle of a sentence. */
static void test_a_pseudo_terminal_with_nobody_at_it_takes_everything(void **state)
{
    char name[64], buf[16] = "";
    (void)state;
    bql_assert_locked();
    struct chardev *c = make_pty(name);
    assert_int_equal(client.up, 0);
    assert_int_equal(chardev_write(c, zeros, MUCH), MUCH);
    int fd = sit_down(name, 1);
    write_text(c, "now");
    assert_int_equal(read(fd, buf, sizeof(buf)), 3); /* and nothing from before */
    for (unsigned i = 0; i < 2; i++) {
        client.room = i == 0 ? sizeof(client.got) - 1 : client.len; /* room for input, or none */
        client.writable = 0;
        assert_in_range(chardev_write(c, zeros, MUCH), 1, MUCH - 1);
        assert_int_equal(close(fd), 0);
        for (unsigned n = 0; n < 3000 && client.writable == 0; n++) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
            test_turns();
        }
        assert_int_equal(client.writable, 1);
        assert_int_equal(client.down, i + 1);
        assert_int_equal(chardev_write(c, zeros, MUCH), MUCH);
        fd = sit_down(name, i + 2);
    }
    assert_int_equal(close(fd), 0);
    chardev_free(c);
}

static int setup(void **state)
{
    if (test_machine_up(state) || !mkdtemp(directory)) {
        return -1;
    }
    (void)snprintf(printed, sizeof(printed), "%s/printed", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)unlink(printed);
    return test_machine_down(state) || rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pseudo_terminal_is_raw_and_outlives_who_is_at_it),
        cmocka_unit_test(test_what_a_visitor_leaves_at_a_pseudo_terminal_is_heard),
        cmocka_unit_test(test_who_has_left_a_pseudo_terminal_is_gone_with_what_they_typed),
        cmocka_unit_test(test_a_pseudo_terminal_with_nobody_at_it_takes_everything),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
