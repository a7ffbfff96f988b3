/* 8254, real-time clock and ACPI's fixed hardware, on a clock that the test moves. */
#include "hw_test.h"

#include "hw/acpi_pm.h"
#include "hw/i8254.h"
#include "hw/rtc.h"
#include "hw/rtc_calendar.h"

#define MS AIO_NS_PER_MS

static struct i8254 *pit;
static struct rtc *rtc;
static struct acpi_pm *pm;

enum { IRQ_TIMER = 0, IRQ_RTC = 8, IRQ_SCI = 9, IRQ_SMI = 20 };

static int setup(void **state)
{
    const struct acpi_pm_config config = {
        .sci = test_irq(IRQ_SCI), .smi = test_irq(IRQ_SMI), .gpe_bytes = 4};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    assert_int_equal(i8254_new(&machine.io, test_irq(IRQ_TIMER), &pit, &err), 0);
    assert_int_equal(rtc_new(&machine.io, test_irq(IRQ_RTC), 1709251199, &rtc, &err), 0);
    assert_int_equal(acpi_pm_new(&machine, &config, &pm, &err), 0);
    acpi_pm_map(pm, true, 0x600);
    acpi_pm_map_gpe(pm, true, 0xafe0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    i8254_free(pit);
    rtc_free(rtc);
    acpi_pm_free(pm);
    return 0;
}

static unsigned pit_count(unsigned channel)
{
    unsigned low;

    test_out(0x43, 1, channel << 6);
    low = (unsigned)test_in((uint16_t)(0x40 + channel), 1);
    return low | (unsigned)test_in((uint16_t)(0x40 + channel), 1) << 8;
}

static void pit_load(unsigned channel, unsigned mode, unsigned count)
{
    test_out(0x43, 1, channel << 6 | 0x30 | mode << 1);
    test_out((uint16_t)(0x40 + channel), 1, count & 0xff);
    test_out((uint16_t)(0x40 + channel), 1, count >> 8);
}

static void test_pit_rate_generator_interrupts_at_its_rate(void **state)
{
    (void)state;
    pit_load(0, 2, 11932); /* 100 Hz */
    test_advance(1000 * MS, MS / 2);
    assert_in_range(test_rises[IRQ_TIMER], 99, 100);
}

static void test_pit_gives_the_periods_that_a_late_main_loop_missed(void **state)
{
    (void)state;
    pit_load(0, 2, 11932); /* 100 Hz */
    test_rises[IRQ_TIMER] = 0;
    test_advance(75 * MS, 75 * MS);
    assert_int_equal(test_ticks[IRQ_TIMER], 7);
    test_advance(10 * MS, 10 * MS);
    assert_int_equal(test_ticks[IRQ_TIMER], 8);
    assert_int_equal(test_rises[IRQ_TIMER], 2);
}

static void test_pit_periods_of_a_few_ticks_come_in_batches(void **state)
{
    (void)state;
    pit_load(0, 2, 2);
    test_rises[IRQ_TIMER] = test_ticks[IRQ_TIMER] = 0;
    test_advance(MS, MS / 1000);
    assert_in_range(test_rises[IRQ_TIMER], 15, 20);
    assert_in_range(test_ticks[IRQ_TIMER], 560, 597);
}

static void test_pit_that_is_set_anew_owes_nothing(void **state)
{
    (void)state;
    pit_load(0, 2, 11932);
    test_advance(75 * MS, 75 * MS);
    test_forgot[IRQ_TIMER] = 0;
    pit_load(0, 0, 1000);
    assert_true(test_forgot[IRQ_TIMER] > 0);
    test_ticks[IRQ_TIMER] = 0;
    test_advance(100 * MS, 100 * MS);
    assert_int_equal(test_ticks[IRQ_TIMER], 1);
}

static void test_pit_one_shot_counts_down_and_interrupts_once(void **state)
{
    (void)state;
    pit_load(0, 0, 0xffff);
    test_rises[IRQ_TIMER] = 0;
    assert_false(test_line[IRQ_TIMER]);
    test_advance(10 * MS, MS);
    assert_in_range(pit_count(0), 0xffff - 11933, 0xffff - 11930);
    assert_false(test_line[IRQ_TIMER]);
    test_advance(100 * MS, MS);
    assert_true(test_line[IRQ_TIMER]);
    assert_int_equal(test_rises[IRQ_TIMER], 1);
}

/* How kernels calibrate: channel 2, gated by port 0x61, which shows its output. */
static void test_pit_channel_2_is_gated_and_seen_at_port_61(void **state)
{
    (void)state;
    test_out(0x61, 1, 0);
    pit_load(2, 0, 11932);
    test_advance(20 * MS, MS);
    assert_int_equal(test_in(0x61, 1) & 0x21, 0);
    test_out(0x61, 1, 1);
    test_advance(9 * MS, MS);
    assert_int_equal(test_in(0x61, 1) & 0x21, 1);
    test_advance(2 * MS, MS);
    assert_int_equal(test_in(0x61, 1) & 0x21, 0x21);
}

static void test_pit_read_back_latches_status_then_count(void **state)
{
    (void)state;
    pit_load(0, 3, 1000);
    test_out(0x43, 1, 0xc2);
    assert_int_equal(test_in(0x40, 1), 0xb6);
    test_advance(MS, MS);
    assert_in_range(pit_count(0), 1, 1000);
}

static void test_pit_all_control_words_are_harmless(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        test_out(0x43, 1, v);
        for (uint16_t port = 0x40; port < 0x43; port++) {
            test_out(port, 1, 0xff);
            test_out(port, 1, 0xff);
            (void)test_in(port, 1);
            (void)test_in(port, 1);
        }
        test_out(0x61, 1, v);
        test_advance(MS, MS);
    }
}

static uint8_t cmos(uint8_t index)
{
    test_out(0x70, 1, index);
    return (uint8_t)test_in(0x71, 1);
}

static void set_cmos(uint8_t index, uint8_t value)
{
    test_out(0x70, 1, index);
    test_out(0x71, 1, value);
}

static void test_rtc_shows_the_date_in_bcd_and_crosses_leap_day(void **state)
{
    (void)state;
    /* 2024-02-29 23:59:59, a Thursday */
    assert_int_equal(cmos(0), 0x59);
    assert_int_equal(cmos(4), 0x23);
    assert_int_equal(cmos(6), 5);
    assert_int_equal(cmos(7), 0x29);
    assert_int_equal(cmos(8), 0x02);
    assert_int_equal(cmos(9), 0x24);
    assert_int_equal(cmos(0x32), 0x20);
    test_advance(1000 * MS, 1000 * MS);
    assert_int_equal(cmos(0), 0);
    assert_int_equal(cmos(7), 1);
    assert_int_equal(cmos(8), 3);
}

static void test_rtc_update_in_progress_comes_before_the_second(void **state)
{
    (void)state;
    assert_int_equal(cmos(10) & 0x80, 0);
    test_advance(999 * MS, 999 * MS);
    assert_int_equal(cmos(10) & 0x80, 0x80);
    test_advance(2 * MS, 2 * MS);
    assert_int_equal(cmos(10) & 0x80, 0);
}

static void test_rtc_time_can_be_set(void **state)
{
    (void)state;
    set_cmos(11, 0x80 | 2);
    set_cmos(0, 0x30);
    set_cmos(2, 0x15);
    set_cmos(4, 0x12);
    set_cmos(9, 0x99);
    set_cmos(0x32, 0x99);
    test_advance(5000 * MS, 1000 * MS);
    assert_int_equal(cmos(0), 0x30);
    set_cmos(11, 2);
    test_advance(2000 * MS, 1000 * MS);
    assert_int_equal(cmos(0), 0x32);
    assert_int_equal(cmos(0x32), 0x99);
    set_cmos(11, 4); /* binary, 12 hours */
    assert_int_equal(cmos(0), 32);
    assert_int_equal(cmos(4), 12 | 0x80);
}

static void test_rtc_periodic_interrupt_at_1024_hz(void **state)
{
    unsigned count = 0;
    (void)state;

    set_cmos(11, 0x42);
    for (int i = 0; i < 4000; i++) {
        test_advance(MS / 4, MS / 4);
        count += test_line[IRQ_RTC];
        if (test_line[IRQ_RTC]) {
            assert_int_equal(cmos(12) & 0xc0, 0xc0);
        }
    }
    assert_in_range(count, 1020, 1026);
}

static void test_rtc_update_and_alarm_interrupts(void **state)
{
    (void)state;
    set_cmos(11, 0x12);
    test_advance(1000 * MS, 100 * MS);
    assert_true(test_line[IRQ_RTC]);
    assert_int_equal(cmos(12) & 0x90, 0x90);
    assert_false(test_line[IRQ_RTC]);
    set_cmos(1, 0x05);
    set_cmos(3, 0xff);
    set_cmos(5, 0xff);
    set_cmos(11, 0x22);
    test_advance(4000 * MS, 500 * MS);
    assert_false(test_line[IRQ_RTC]);
    test_advance(1000 * MS, 500 * MS);
    assert_true(test_line[IRQ_RTC]);
    assert_int_equal(cmos(12) & 0xa0, 0xa0);
}

static void test_rtc_every_register_takes_every_value(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v += 5) {
        for (uint8_t i = 0; i < 128; i++) {
            set_cmos(i, (uint8_t)v);
            (void)cmos(i);
        }
        test_advance(1000 * MS, 1000 * MS);
    }
}

static void test_calendar_is_its_own_inverse(void **state)
{
    (void)state;
    for (int64_t t = -62167219200; t < 253402300799; t += 86399 * 37) {
        struct rtc_date d = rtc_date_of(t);

        assert_int_equal(rtc_seconds_of(&d), t);
        assert_in_range(d.weekday, 1, 7);
    }
}

static void test_pm_timer_counts_and_wraps_with_an_interrupt(void **state)
{
    uint64_t before = test_in(0x608, 4);
    (void)state;

    test_advance(1000 * MS, 1000 * MS);
    assert_in_range((test_in(0x608, 4) - before) & 0xffffff, 3579544, 3579546);
    test_out(0xb2, 1, ACPI_PM_ENABLE);
    assert_int_equal(test_in(0x604, 2), 1);
    test_out(0x600, 2, 1);
    test_out(0x602, 2, 1);
    assert_false(test_line[IRQ_SCI]);
    test_advance(2400 * MS, 100 * MS);
    assert_true(test_line[IRQ_SCI]);
    assert_int_equal(test_in(0x600, 2) & 1, 1);
    test_out(0x600, 2, 1);
    assert_false(test_line[IRQ_SCI]);
}

static void test_pm_power_button_and_sleep(void **state)
{
    (void)state;
    bql_assert_locked();
    test_out(0xb2, 1, ACPI_PM_ENABLE);
    test_out(0x602, 2, 0x100);
    acpi_pm_power_button(pm);
    assert_true(test_line[IRQ_SCI]);
    test_out(0x600, 2, 0x100);
    assert_false(test_line[IRQ_SCI]);
    test_out(0x604, 2, 0x2401); /* another type */
    assert_int_equal(test_requests, 0);
    test_out(0x604, 2, 0x2001);
    assert_int_equal(test_requests, MACHINE_SHUTDOWN);
}

static void test_pm_registers_take_bytes(void **state)
{
    (void)state;
    bql_assert_locked();
    test_out(0xb2, 1, ACPI_PM_ENABLE);
    test_out(0x602, 1, 0x20);
    test_out(0x603, 1, 1);
    assert_int_equal(test_in(0x602, 2), 0x120);
    acpi_pm_power_button(pm);
    assert_true(test_line[IRQ_SCI]);
    test_out(0x600, 1, 0xff); /* the other byte's bits stay */
    assert_int_equal(test_in(0x601, 1), 1);
    test_out(0x601, 1, 1);
    assert_false(test_line[IRQ_SCI]);
    test_out(0x604, 1, 6);
    test_out(0x605, 1, 4);
    assert_int_equal(test_in(0x604, 2), 0x407);
    assert_int_equal(test_requests, 0);
    test_out(0x605, 1, 0x20);
    assert_int_equal(test_requests, MACHINE_SHUTDOWN);
}

static void test_pm_general_purpose_events(void **state)
{
    (void)state;
    bql_assert_locked();
    test_out(0xb2, 1, ACPI_PM_ENABLE);
    acpi_pm_event(pm, 1);
    acpi_pm_event(pm, 99);
    assert_false(test_line[IRQ_SCI]);
    test_out(0xafe2, 1, 2);
    assert_true(test_line[IRQ_SCI]);
    test_out(0xafe0, 1, 2);
    assert_false(test_line[IRQ_SCI]);
    assert_int_equal(test_in(0xafe0, 4), 0x20000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pit_rate_generator_interrupts_at_its_rate),
        TEST(test_pit_gives_the_periods_that_a_late_main_loop_missed),
        TEST(test_pit_periods_of_a_few_ticks_come_in_batches),
        TEST(test_pit_that_is_set_anew_owes_nothing),
        TEST(test_pit_one_shot_counts_down_and_interrupts_once),
        TEST(test_pit_channel_2_is_gated_and_seen_at_port_61),
        TEST(test_pit_read_back_latches_status_then_count),
        TEST(test_pit_all_control_words_are_harmless),
        TEST(test_rtc_shows_the_date_in_bcd_and_crosses_leap_day),
        TEST(test_rtc_update_in_progress_comes_before_the_second),
        TEST(test_rtc_time_can_be_set),
        TEST(test_rtc_periodic_interrupt_at_1024_hz),
        TEST(test_rtc_update_and_alarm_interrupts),
        TEST(test_rtc_every_register_takes_every_value),
        TEST(test_calendar_is_its_own_inverse),
        TEST(test_pm_timer_counts_and_wraps_with_an_interrupt),
        TEST(test_pm_power_button_and_sleep),
        TEST(test_pm_registers_take_bytes),
        TEST(test_pm_general_purpose_events),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
