/* The HPET: its counter, and its comparators' edges, levels and messages. */
#include "hw_test.h"

#include "hw/hpet.h"

#define MS AIO_NS_PER_MS

static struct hpet *hpet;
static uint64_t sent_addr;
static uint32_t sent_data;
static unsigned sent_ticks;

static void send(void *opaque, uint64_t addr, uint32_t data, unsigned ticks)
{
    sent_ticks += ticks;
    (void)opaque;
    sent_addr = addr;
    sent_data = data;
}

static int setup(void **state)
{
    struct hpet_lines lines = {.send = send};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    sent_ticks = 0;
    for (unsigned n = 0; n < 24; n++) {
        lines.gsi[n] = test_irq(n);
    }
    assert_int_equal(hpet_new(&machine.memory, &lines, &hpet, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    hpet_free(hpet);
    return 0;
}

static void hpet_write(unsigned reg, uint64_t value)
{
    test_store(HPET_BASE + reg, 8, value);
}

static uint64_t hpet_read(unsigned reg)
{
    return test_load(HPET_BASE + reg, 8);
}

static void test_hpet_counts_and_stands(void **state)
{
    uint64_t before;
    (void)state;

    assert_int_equal(hpet_read(0) >> 32, HPET_PERIOD);
    assert_int_equal(hpet_read(0xf0), 0);
    test_advance(MS, MS);
    assert_int_equal(hpet_read(0xf0), 0);
    hpet_write(0x10, 1);
    before = hpet_read(0xf0);
    test_advance(MS, MS);
    assert_int_equal(hpet_read(0xf0) - before, 100000);
    assert_int_equal(test_load(HPET_BASE + 0xf0, 4), (uint32_t)hpet_read(0xf0));
}

static void test_hpet_periodic_timer_takes_the_place_of_the_pit(void **state)
{
    struct irq pit = hpet_pit_line(hpet);
    (void)state;

    irq_set(&pit, true);
    assert_true(test_line[0]);
    irq_set(&pit, false);
    hpet_write(0x100, 0x4c); /* periodic, set, enabled */
    hpet_write(0x108, 100000);
    hpet_write(0x108, 100000);
    hpet_write(0x10, 3);
    irq_set(&pit, true);
    assert_int_equal(test_rises[0], 1);
    test_advance(10 * MS, MS / 2);
    assert_int_equal(test_rises[0], 11);
}

static void test_hpet_level_interrupt_lasts_until_acknowledged(void **state)
{
    (void)state;
    hpet_write(0x120, 0x4 | 2 | 16 << 9);
    hpet_write(0x128, 200000);
    hpet_write(0x10, 1);
    test_advance(MS, MS);
    assert_false(test_line[16]);
    test_advance(2 * MS, MS);
    assert_true(test_line[16]);
    assert_int_equal(hpet_read(0x20), 2);
    hpet_write(0x20, 2);
    assert_false(test_line[16]);
    test_advance(10 * MS, MS);
    assert_false(test_line[16]);
}

static void test_hpet_gives_the_periods_that_a_late_main_loop_missed(void **state)
{
    (void)state;
    bql_assert_locked();
    hpet_write(0x100, 0x4c); /* periodic, set, enabled; each millisecond */
    hpet_write(0x108, 100000);
    hpet_write(0x108, 100000);
    hpet_write(0x140, 0x404c); /* and a message each two */
    hpet_write(0x148, 200000);
    hpet_write(0x148, 200000);
    hpet_write(0x10, 3);
    test_advance(7 * MS, 7 * MS);
    assert_int_equal(test_ticks[0], 7);
    assert_int_equal(sent_ticks, 3);
    test_forgot[0] = 0;
    hpet_write(0x108, 200000);
    assert_int_equal(test_forgot[0], 1);
}

static void test_hpet_level_interrupts_that_are_owed_come_when_acknowledged(void **state)
{
    (void)state;
    bql_assert_locked();
    hpet_write(0x120, 0x4e | 16 << 9); /* level, periodic */
    hpet_write(0x128, 100000);
    hpet_write(0x128, 100000);
    hpet_write(0x10, 1);
    test_advance(3 * MS, 3 * MS);
    for (unsigned rises = 1; rises <= 3; rises++) {
        assert_true(test_line[16]);
        assert_int_equal(test_rises[16], rises);
        hpet_write(0x20, 2);
        hpet_write(0x20, 4); /* another's */
    }
    assert_false(test_line[16]);
    test_advance(60000 * MS, 60000 * MS);
    test_rises[16] = 1;
    for (unsigned i = 0; i < 100; i++) {
        hpet_write(0x20, 2);
    }
    assert_int_equal(test_rises[16], 1 + IRQ_OWED_MAX);
    assert_false(test_line[16]);
}

/* Timers 0 and 1 by levels on line 16, after 1 and 2 ms. */
static void hpet_share_line(void)
{
    bql_assert_locked();
    hpet_write(0x100, 0x4 | 2 | 16 << 9);
    hpet_write(0x120, 0x4 | 2 | 16 << 9);
    hpet_write(0x108, 100000);
    hpet_write(0x128, 200000);
    hpet_write(0x10, 1);
    test_advance(5 * MS / 2, MS / 2);
    assert_int_equal(hpet_read(0x20), 3);
}

static void test_hpet_timers_on_one_line_are_acknowledged_one_by_one(void **state)
{
    (void)state;
    hpet_share_line();
    assert_true(test_line[16]);
    hpet_write(0x20, 1);
    assert_true(test_line[16]);
    hpet_write(0x20, 2);
    assert_false(test_line[16]);
    assert_int_equal(test_rises[16], 1);
}

static void test_hpet_timer_that_is_set_leaves_the_line_to_another(void **state)
{
    (void)state;
    hpet_share_line();
    hpet_write(0x10, 1);
    hpet_write(0x140, 0x4 | 2 | 16 << 9);
    assert_int_equal(test_rises[16], 1);
    hpet_write(0x120, 0x4 | 2 | 17 << 9); /* elsewhere */
    assert_true(test_line[16]);
    assert_true(test_line[17]);
    hpet_write(0x100, 2 | 16 << 9); /* off */
    assert_false(test_line[16]);
    assert_true(test_line[17]);
    hpet_write(0x120, 0x4 | 16 << 9); /* an edge is no level */
    assert_false(test_line[16]);
    assert_false(test_line[17]);
    assert_int_equal(test_rises[16], 1);
}

static void test_hpet_edge_on_a_line_leaves_the_level_of_another(void **state)
{
    (void)state;
    bql_assert_locked();
    hpet_share_line();
    hpet_write(0x140, 0x4 | 16 << 9);
    hpet_write(0x148, 300000);
    test_advance(MS, MS);
    assert_int_equal(test_ticks[16], 1);
    assert_true(test_line[16]);
    hpet_write(0x20, 3);
    assert_false(test_line[16]);
}

static void test_hpet_timer_that_sends_messages_drives_no_line(void **state)
{
    (void)state;
    bql_assert_locked();
    hpet_write(0x140, 0x4004 | 2 | 16 << 9);
    hpet_write(0x148, 1000);
    hpet_write(0x10, 1);
    test_advance(MS, MS);
    assert_int_equal(sent_ticks, 1);
    hpet_write(0x10, 1);
    assert_int_equal(test_rises[16], 0);
}

static void test_hpet_sends_messages(void **state)
{
    (void)state;
    hpet_write(0x140, 0x4004);
    hpet_write(0x150, UINT64_C(0xfee01000) << 32 | 0x55);
    hpet_write(0x148, 1000);
    hpet_write(0x10, 1);
    test_advance(MS, MS);
    assert_int_equal(sent_addr, 0xfee01000);
    assert_int_equal(sent_data, 0x55);
}

static void test_hpet_takes_every_register_write(void **state)
{
    (void)state;
    for (unsigned reg = 0; reg < 0x400; reg += 4) {
        test_store(HPET_BASE + reg, 4, 0xffffffff);
        (void)test_load(HPET_BASE + reg, 4);
        test_advance(MS, MS);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_hpet_counts_and_stands),
        TEST(test_hpet_periodic_timer_takes_the_place_of_the_pit),
        TEST(test_hpet_level_interrupt_lasts_until_acknowledged),
        TEST(test_hpet_gives_the_periods_that_a_late_main_loop_missed),
        TEST(test_hpet_level_interrupts_that_are_owed_come_when_acknowledged),
        TEST(test_hpet_timers_on_one_line_are_acknowledged_one_by_one),
        TEST(test_hpet_timer_that_is_set_leaves_the_line_to_another),
        TEST(test_hpet_edge_on_a_line_leaves_the_level_of_another),
        TEST(test_hpet_timer_that_sends_messages_drives_no_line),
        TEST(test_hpet_sends_messages),
        TEST(test_hpet_takes_every_register_write),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
