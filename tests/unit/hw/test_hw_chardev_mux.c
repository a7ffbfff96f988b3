/* A serial port and the monitor on one terminal, with Ctrl-A to choose. */
#include "chardev_test.h"

#include "hw/chardev_internal.h"

#define C_A "\x01"

static struct chardev *end[2];
static struct test_client console, monitor;
static char screen[1024];
static size_t screen_len, room;
static unsigned asked, freed, quits;

static size_t back_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    size_t n = len < room ? len : room;
    (void)c;
    assert_true(screen_len + n < sizeof(screen));
    memcpy(screen + screen_len, buf, n);
    screen_len += n;
    screen[screen_len] = '\0';
    room -= n;
    return n;
}

static bool back_can_write(const struct chardev *c)
{
    (void)c;
    return room > 0;
}

static void back_accept_input(struct chardev *c)
{
    (void)c;
    asked++;
}

static void back_free(struct chardev *c)
{
    (void)c;
    freed++;
}

static const struct chardev_ops back_ops = {.write = back_write,
                                            .can_write = back_can_write,
                                            .accept_input = back_accept_input,
                                            .free = back_free};
static struct chardev *back;

static void quit(void *opaque)
{
    assert_ptr_equal(opaque, &quits);
    quits++;
}

/* As a terminal does: never more than is said to be taken. */
static void type(const char *text)
{
    bql_assert_locked();
    for (; *text && back->client->can_receive(back->opaque) > 0; text++) {
        back->client->receive(back->opaque, (const uint8_t *)text, 1);
    }
}

static int setup(void **state)
{
    struct error err = {""};
    (void)state;
    bql_assert_locked();
    screen_len = 0;
    screen[0] = '\0';
    asked = freed = quits = 0;
    room = sizeof(screen) - 1;
    back = calloc(1, sizeof(*back));
    assert_non_null(back);
    assert_int_equal(chardev_init(back, &back_ops, "terminal", &err), 0);
    assert_int_equal(chardev_mux_new(back, quit, &quits, end, &err), 0);
    test_client_attach(&console, end[0]);
    test_client_attach(&monitor, end[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    chardev_free(end[0]);
    chardev_free(end[1]);
    return 0;
}

static void test_input_goes_to_the_one_in_front(void **state)
{
    (void)state;
    type("ls\r" C_A "cinfo" C_A "cexit");
    assert_string_equal(console.got, "ls\rexit");
    assert_string_equal(monitor.got, "info");
    assert_int_equal(monitor.up, 1); /* it prints its prompt */
    assert_int_equal(console.up, 1);
}

static void test_output_of_both_is_seen(void **state)
{
    (void)state;
    bql_assert_locked();
    assert_int_equal(chardev_write(end[0], "guest ", 6), 6);
    assert_int_equal(chardev_write(end[1], "monitor", 7), 7);
    assert_string_equal(screen, "guest monitor");
}

static void test_control_a_twice_is_one_for_the_guest(void **state)
{
    (void)state;
    type("a" C_A C_A "b" C_A "zc");
    assert_string_equal(console.got, "a" C_A "bc"); /* Ctrl-A z is nothing */
    assert_string_equal(screen, "");
}

static void test_commands_list_themselves_and_quit(void **state)
{
    (void)state;
    type(C_A "h");
    assert_non_null(strstr(screen, "C-a x"));
    assert_non_null(strstr(screen, "C-a c"));
    assert_int_equal(quits, 0);
    type(C_A "x");
    assert_int_equal(quits, 1);
    assert_non_null(strstr(screen, "terminated"));
    assert_int_equal(console.len, 0);
}

/* Also while a guest does not read, whoever sits there must get to the monitor. */
static void test_a_guest_that_does_not_read_does_not_keep_the_monitor_away(void **state)
{
    (void)state;
    bql_assert_locked();
    console.room = 1;
    type("are you there?" C_A "cstop" C_A "c");
    assert_string_equal(console.got, "a");
    assert_string_equal(monitor.got, "stop");
    console.room = 100;
    chardev_accept_input(end[0]);
    test_turns();
    assert_string_equal(console.got, "are you there?");
}

/* A script, say: nothing of it is lost. */
static void test_input_is_read_as_far_as_there_is_room_for_it(void **state)
{
    char text[10000 + 1];
    size_t typed = 0, taken = 0;
    (void)state;
    bql_assert_locked();
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        text[i] = (char)('a' + i % 23);
    }
    console.room = 0;
    for (unsigned turn = 0; turn < 200 && taken < sizeof(text) - 1; turn++) {
        size_t n = back->client->can_receive(back->opaque);
        n = n < sizeof(text) - 1 - typed ? n : sizeof(text) - 1 - typed;
        back->client->receive(back->opaque, (const uint8_t *)text + typed, n);
        typed += n;
        if (turn == 0) {
            assert_in_range(typed, 100, sizeof(text) - 2);
            assert_int_equal(back->client->can_receive(back->opaque), 0);
        }
        console.len = 0;
        console.room = sizeof(console.got) - 1;
        asked = 0;
        chardev_accept_input(end[0]);
        assert_int_equal(asked, 1);
        test_turns();
        assert_memory_equal(console.got, text + taken, console.len);
        taken += console.len;
    }
    assert_int_equal(taken, sizeof(text) - 1);
}

/* Once what waited has been handed on, not before. */
static void test_the_terminal_is_asked_for_more_when_there_is_room_again(void **state)
{
    (void)state;
    bql_assert_locked();
    console.room = 0;
    while (back->client->can_receive(back->opaque) > 0) {
        back->client->receive(back->opaque, (const uint8_t *)"z", 1);
    }
    console.room = 100;
    chardev_accept_input(end[0]);
    asked = 0;
    test_turns();
    assert_int_equal(console.len, 100);
    assert_int_equal(back->client->can_receive(back->opaque), 100);
    assert_int_equal(asked, 1);
}

static void test_room_is_told_to_both(void **state)
{
    (void)state;
    bql_assert_locked();
    room = 0;
    assert_int_equal(chardev_write(end[0], "x", 1), 0);
    assert_false(chardev_can_write(end[0]));
    assert_false(chardev_can_write(end[1]));
    room = 10;
    back->client->writable(back->opaque);
    assert_int_equal(console.writable, 1);
    assert_int_equal(monitor.writable, 1);
    assert_true(chardev_can_write(end[0]));
    asked = 0;
    chardev_accept_input(end[0]);
    assert_int_equal(asked, 1);
}

static void test_the_terminal_is_freed_with_the_last_of_the_two(void **state)
{
    (void)state;
    bql_assert_locked();
    chardev_free(end[0]);
    end[0] = NULL;
    assert_int_equal(freed, 0);
    type("nobody" C_A "cyes"); /* what is typed to one that is gone is dropped */
    assert_string_equal(monitor.got, "yes");
    back->client->writable(back->opaque);
    assert_int_equal(monitor.writable, 1);
    chardev_free(end[1]);
    end[1] = NULL;
    assert_int_equal(freed, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_input_goes_to_the_one_in_front),
        TEST(test_output_of_both_is_seen),
        TEST(test_control_a_twice_is_one_for_the_guest),
        TEST(test_commands_list_themselves_and_quit),
        TEST(test_a_guest_that_does_not_read_does_not_keep_the_monitor_away),
        TEST(test_input_is_read_as_far_as_there_is_room_for_it),
        TEST(test_the_terminal_is_asked_for_more_when_there_is_room_again),
        TEST(test_room_is_told_to_both),
        TEST(test_the_terminal_is_freed_with_the_last_of_the_two),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
