/* The virtio console between a driver's queues and a character device that the test
 * plays: by the rules, while the other side is slow, and against the rules. */
#include "virtio_test.h"

#include "hw/chardev_internal.h"
#include "hw/virtio_console.h"

#define CONSOLE   PCI_DEVFN(4, 0)
#define INPUT     0
#define OUTPUT    1
#define F_NEXT    1u
#define F_WRITE   2u
#define BUFFER(n) (DATA + 0x1000u * (n))

static struct virtio_console *console;
static struct chardev other;
static char sent[256];
static size_t sent_len, room;
static unsigned accepted;

static size_t other_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    size_t n = len < room ? len : room;
    (void)c;
    for (size_t i = 0; i < n && sent_len < sizeof(sent) - 1; i++) {
        sent[sent_len++] = (char)buf[i];
    }
    sent[sent_len] = '\0';
    room -= n;
    return n;
}

static void other_accept_input(struct chardev *c)
{
    (void)c;
    accepted++;
}

static const struct chardev_ops other_ops = {.write = other_write,
                                             .accept_input = other_accept_input};

static void turns(void)
{
    bql_assert_locked();
    thread_role_assert(&main_loop_role);
    for (unsigned i = 0; i < 10; i++) {
        main_loop_wait(true);
    }
}

static size_t type(const char *text)
{
    size_t len = strlen(text), takes;
    bql_assert_locked();
    takes = other.client->can_receive(other.opaque);
    len = len < takes ? len : takes;
    other.client->receive(other.opaque, (const uint8_t *)text, len);
    turns();
    return len;
}

static void drain(void)
{
    bql_assert_locked();
    room = SIZE_MAX;
    other.client->writable(other.opaque);
    turns();
}

static void print(unsigned n, const char *text)
{
    put(BUFFER(n), 0, 8);
    memcpy(ram + BUFFER(n), text, strlen(text));
    desc_on(OUTPUT, n, BUFFER(n), (uint32_t)strlen(text), 0, 0);
    offer_on(OUTPUT, n);
    turns();
}

/* Room for input. */
static void give(unsigned n, uint32_t len)
{
    memset(ram + BUFFER(n), 0, 0x1000);
    desc_on(INPUT, n, BUFFER(n), len, F_WRITE, 0);
    offer_on(INPUT, n);
    turns();
}

static uint32_t used_len(unsigned queue, unsigned n)
{
    uint32_t len;
    memcpy(&len, ram + USED + RINGS * queue + 4 + 8UL * n + 4, sizeof(len));
    return len;
}

static const char *buffer(unsigned n)
{
    return (const char *)ram + BUFFER(n);
}

static bool needs_reset(void)
{
    turns();
    return test_load(COMMON + 0x14, 1) & 0x40;
}

static int setup(void **state)
{
    struct error err = {""};
    (void)state;
    bql_assert_locked();
    bus_up();
    memset(&other, 0, sizeof(other));
    sent_len = 0;
    sent[0] = '\0';
    accepted = 0;
    room = SIZE_MAX;
    assert_int_equal(chardev_init(&other, &other_ops, "other", &err), 0);
    assert_int_equal(virtio_console_new(machine.pci, CONSOLE, &other, &console, &err), 0);
    place_device(CONSOLE);
    start_queues(VERSION_1, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    bus_down();
    free(other.label);
    return 0;
}

static void test_what_the_driver_offers_is_printed_in_order(void **state)
{
    (void)state;
    print(0, "login: ");
    desc_on(OUTPUT, 1, BUFFER(1), 3, F_NEXT, 2); /* in two parts */
    desc_on(OUTPUT, 2, BUFFER(2), 2, 0, 0);
    memcpy(ram + BUFFER(1), "roo", 3);
    memcpy(ram + BUFFER(2), "t\n", 2);
    offer_on(OUTPUT, 1);
    turns();
    assert_string_equal(sent, "login: root\n");
    assert_int_equal(used_index(OUTPUT), 2);
    assert_int_equal(used_len(OUTPUT, 0), 0); /* nothing was written to memory */
}

static void test_input_goes_to_the_buffers_that_there_are(void **state)
{
    (void)state;
    give(0, 16);
    give(1, 16);
    assert_int_equal(used_index(INPUT), 0);
    assert_int_equal(type("ls\r"), 3);
    assert_int_equal(used_index(INPUT), 1);
    assert_int_equal(used_len(INPUT, 0), 3);
    assert_string_equal(buffer(0), "ls\r");
    (void)type("0123456789abcdefgh"); /* more than the next one takes */
    assert_int_equal(used_index(INPUT), 2);
    assert_int_equal(used_len(INPUT, 1), 16);
    assert_memory_equal(buffer(1), "0123456789abcdef", 17);
    give(2, 16);
    assert_string_equal(buffer(2), "gh");
}

static void test_input_from_before_the_driver_waits_for_it(void **state)
{
    (void)state;
    test_store(COMMON + 0x14, 1, 0);
    assert_int_equal(type("early"), 5);
    start_queues(VERSION_1, 2);
    give(0, 64);
    assert_string_equal(buffer(0), "early");
}

static void test_a_driver_that_gives_no_room_holds_input_back(void **state)
{
    char text[513];
    size_t typed = 0, n;
    (void)state;
    bql_assert_locked();
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    while ((n = type(text)) > 0) {
        typed += n;
        assert_in_range(typed, 1, 1 << 20);
    }
    assert_int_equal(other.client->can_receive(other.opaque), 0);
    accepted = 0;
    give(0, 100);
    assert_int_equal(used_len(INPUT, 0), 100);
    assert_true(accepted > 0);
    assert_int_equal(other.client->can_receive(other.opaque), 100);
}

/* A pipe that nobody reads. */
static void test_output_waits_for_the_other_side_and_loses_nothing(void **state)
{
    (void)state;
    room = 4;
    print(0, "Hello, ");
    print(1, "world");
    assert_string_equal(sent, "Hell");
    assert_int_equal(used_index(OUTPUT), 0);
    turns();
    assert_string_equal(sent, "Hell");
    drain();
    assert_string_equal(sent, "Hello, world");
    assert_int_equal(used_index(OUTPUT), 2);
}

static void test_a_reset_forgets_output_that_waits(void **state)
{
    (void)state;
    room = 2;
    print(0, "abcdef");
    test_store(COMMON + 0x14, 1, 0);
    drain();
    assert_string_equal(sent, "ab");
    start_queues(VERSION_1, 2);
    print(0, "new");
    assert_string_equal(sent, "abnew");
    assert_int_equal(used_index(OUTPUT), 1);
}

static void test_a_console_may_go_while_output_waits(void **state)
{
    (void)state;
    room = 0;
    print(0, "never printed"); /* teardown frees it so */
    assert_int_equal(used_index(OUTPUT), 0);
}

/* Descriptors that point nowhere: each breaks the device, prints nothing and stores
 * nothing, until a reset. */
static void test_output_from_nowhere_breaks_the_device_until_reset(void **state)
{
    static const struct {
        uint64_t addr;
        uint32_t len;
    } nowhere[] = {{RAM_SIZE, 16},         {RAM_SIZE - 8, 16}, {BAR, 4},
                   {UINT64_MAX - 3, 8},    {1ULL << 52, 1},    {DATA, UINT32_MAX},
                   {0x8000000000000000, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        desc_on(OUTPUT, 0, nowhere[i].addr, nowhere[i].len, 0, 0);
        offer_on(OUTPUT, 0);
        assert_true(needs_reset());
        assert_string_equal(sent, "");
        assert_int_equal(used_index(OUTPUT), 0);
        start_queues(VERSION_1, 2);
    }
    print(0, "fine");
    assert_string_equal(sent, "fine");
}

static void test_input_to_nowhere_breaks_the_device_and_is_kept(void **state)
{
    (void)state;
    desc_on(INPUT, 0, RAM_SIZE, 16, F_WRITE, 0);
    offer_on(INPUT, 0);
    assert_int_equal(type("kept"), 4);
    assert_true(needs_reset());
    start_queues(VERSION_1, 2);
    give(0, 16);
    assert_string_equal(buffer(0), "kept");
}

static void test_heads_and_rings_that_are_none_break_the_device(void **state)
{
    (void)state;
    offer_on(OUTPUT, QUEUE_SIZE); /* no such descriptor */
    assert_true(needs_reset());
    start_queues(VERSION_1, 2);
    desc_on(OUTPUT, 0, DATA, 4, F_NEXT, 1); /* a loop */
    desc_on(OUTPUT, 1, DATA, 4, F_NEXT, 0);
    offer_on(OUTPUT, 0);
    assert_true(needs_reset());
    start_queues(VERSION_1, 2);
    avail_index[OUTPUT] = 1000; /* more than the ring holds */
    offer_on(OUTPUT, 0);
    assert_true(needs_reset());
    assert_string_equal(sent, "");
}

/* Only the driver is harmed by buffers of the wrong direction. */
static void test_buffers_of_the_wrong_direction_are_given_back_untouched(void **state)
{
    (void)state;
    give(0, 0);
    desc_on(INPUT, 1, BUFFER(1), 16, 0, 0); /* nothing may be stored to it */
    memset(ram + BUFFER(1), 0x55, 16);
    offer_on(INPUT, 1);
    give(2, 16);
    (void)type("text");
    assert_int_equal(used_len(INPUT, 0), 0);
    assert_int_equal(used_len(INPUT, 1), 0);
    assert_int_equal(ram[BUFFER(1)], 0x55);
    assert_string_equal(buffer(2), "text");
    memcpy(ram + BUFFER(3), "secret", 6);
    desc_on(OUTPUT, 0, BUFFER(3), 6, F_WRITE, 0); /* nothing may be read from it */
    offer_on(OUTPUT, 0);
    turns();
    assert_int_equal(used_index(OUTPUT), 1);
    assert_string_equal(sent, "");
    assert_memory_equal(buffer(3), "secret", 6);
}

static void test_notifications_of_queues_that_are_not_there_are_nothing(void **state)
{
    (void)state;
    for (unsigned n = 2; n < 200; n += 7) {
        test_store(NOTIFY + 4 * n, 2, n);
        test_store(NOTIFY, 2, n);
    }
    print(0, "ok");
    assert_string_equal(sent, "ok");
    assert_false(needs_reset());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_the_driver_offers_is_printed_in_order),
        TEST(test_input_goes_to_the_buffers_that_there_are),
        TEST(test_input_from_before_the_driver_waits_for_it),
        TEST(test_a_driver_that_gives_no_room_holds_input_back),
        TEST(test_output_waits_for_the_other_side_and_loses_nothing),
        TEST(test_a_reset_forgets_output_that_waits),
        TEST(test_a_console_may_go_while_output_waits),
        TEST(test_output_from_nowhere_breaks_the_device_until_reset),
        TEST(test_input_to_nowhere_breaks_the_device_and_is_kept),
        TEST(test_heads_and_rings_that_are_none_break_the_device),
        TEST(test_buffers_of_the_wrong_direction_are_given_back_untouched),
        TEST(test_notifications_of_queues_that_are_not_there_are_nothing),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
