/* The serial port (16550A), between its registers and a character device that the
 * test plays. */
#include "hw_test.h"

#include "hw/chardev_internal.h"
#include "hw/irq_or.h"
#include "hw/serial.h"

#define PORT 0x3f8
#define IRQ  4

enum { DATA = PORT, IER, IIR, LCR, MCR, LSR };

static struct serial *serial;
static struct chardev other;
static char sent[32];
static size_t sent_count, room;
static unsigned accepted;

static size_t other_write(struct chardev *c, const uint8_t *buf, size_t len)
{
    size_t n = len < room ? len : room;
    (void)c;
    assert_true(sent_count + n < sizeof(sent));
    memcpy(sent + sent_count, buf, n);
    sent_count += n;
    room -= n;
    return n;
}

/* As a descriptor's kind does: whether there is room is asked again. */
static void other_accept_input(struct chardev *c)
{
    bql_assert_locked();
    accepted += c->client && c->client->can_receive(c->opaque) > 0;
}

static const struct chardev_ops other_ops = {.write = other_write,
                                             .accept_input = other_accept_input};

static void receive(const char *text)
{
    bql_assert_locked();
    size_t len = strlen(text);
    assert_true(other.client->can_receive(other.opaque) >= len);
    other.client->receive(other.opaque, (const uint8_t *)text, len);
}

static int setup(void **state)
{
    struct error err = {""};
    (void)state;
    bql_assert_locked();
    test_forget();
    memset(&other, 0, sizeof(other));
    memset(sent, 0, sizeof(sent));
    assert_int_equal(chardev_init(&other, &other_ops, "other", &err), 0);
    sent_count = accepted = 0;
    room = sizeof(sent);
    assert_int_equal(serial_new(&machine.io, PORT, test_irq(IRQ), &other, &serial, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    serial_free(serial);
    free(other.label);
    return 0;
}

static void test_what_is_written_is_sent_and_the_empty_register_interrupts(void **state)
{
    (void)state;
    test_out(IER, 1, 2);
    assert_true(test_line[IRQ]);
    assert_int_equal(test_in(IIR, 1), 2);
    assert_false(test_line[IRQ]);
    test_out(DATA, 1, 'a');
    assert_true(test_line[IRQ]);
    test_out(DATA, 1, 'b');
    assert_string_equal(sent, "ab");
}

static void test_what_comes_in_interrupts_until_it_is_read(void **state)
{
    (void)state;
    bql_assert_locked();
    test_out(IER, 1, 1);
    test_out(IIR, 1, 1); /* FIFO */
    receive("xy");
    assert_true(test_line[IRQ]);
    assert_int_equal(test_in(IIR, 1), 0xc4);
    assert_int_equal(test_in(DATA, 1), 'x');
    assert_true(test_line[IRQ]);
    assert_int_equal(test_in(DATA, 1), 'y');
    assert_false(test_line[IRQ]);
    assert_int_equal(test_in(LSR, 1), 0x60);
}

static void test_without_the_fifo_there_is_room_for_one(void **state)
{
    (void)state;
    bql_assert_locked();
    assert_int_equal(other.client->can_receive(other.opaque), 1);
    receive("x");
    assert_int_equal(other.client->can_receive(other.opaque), 0);
    test_out(IIR, 1, 1);
    assert_int_equal(other.client->can_receive(other.opaque), 16);
}

static void test_loop_back_keeps_the_other_side_out_and_lets_it_in_afterwards(void **state)
{
    (void)state;
    bql_assert_locked();
    test_out(MCR, 1, 0x10);
    assert_int_equal(other.client->can_receive(other.opaque), 0);
    test_out(DATA, 1, 'l');
    assert_int_equal(test_in(DATA, 1), 'l');
    assert_int_equal(sent_count, 0);
    accepted = 0;
    test_out(MCR, 1, 0);
    assert_int_equal(accepted, 1);
}

static void test_reset_of_a_full_port_lets_input_in(void **state)
{
    (void)state;
    bql_assert_locked();
    receive("x");
    accepted = 0;
    serial_reset(serial);
    assert_int_equal(accepted, 1);
}

static void test_a_byte_that_waits_is_sent_when_there_is_room(void **state)
{
    (void)state;
    bql_assert_locked();
    room = 0;
    test_out(DATA, 1, 'w');
    assert_int_equal(test_in(LSR, 1), 0);
    room = 1;
    other.client->writable(other.opaque);
    assert_string_equal(sent, "w");
    assert_int_equal(test_in(LSR, 1), 0x60);
}

static void test_clearing_the_transmit_fifo_drops_what_waits(void **state)
{
    (void)state;
    bql_assert_locked();
    room = 0;
    test_out(DATA, 1, 'w');
    test_out(IIR, 1, 5);
    assert_int_equal(test_in(LSR, 1), 0x60);
    room = 1;
    other.client->writable(other.opaque);
    assert_int_equal(sent_count, 0);
}

static void test_ports_that_share_a_line_do_not_take_each_others_interrupt_away(void **state)
{
    struct irq_or gate = {.out = test_irq(IRQ + 1)};
    struct irq first = {.set = irq_or_set, .opaque = &gate, .n = 0};
    struct irq second = {.set = irq_or_set, .opaque = &gate, .n = 1};
    (void)state;
    irq_set(&first, true);
    irq_set(&second, true);
    irq_set(&second, false);
    assert_true(test_line[IRQ + 1]);
    irq_set(&first, false);
    assert_false(test_line[IRQ + 1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_written_is_sent_and_the_empty_register_interrupts),
        TEST(test_what_comes_in_interrupts_until_it_is_read),
        TEST(test_without_the_fifo_there_is_room_for_one),
        TEST(test_loop_back_keeps_the_other_side_out_and_lets_it_in_afterwards),
        TEST(test_reset_of_a_full_port_lets_input_in),
        TEST(test_a_byte_that_waits_is_sent_when_there_is_room),
        TEST(test_clearing_the_transmit_fifo_drops_what_waits),
        TEST(test_ports_that_share_a_line_do_not_take_each_others_interrupt_away),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
