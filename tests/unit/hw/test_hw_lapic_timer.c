/* The local APIC's timer, on a clock that the test moves. */
#include "apic_test.h"

static void test_apic_periodic_timer_gives_the_periods_that_a_late_main_loop_missed(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x20031);
    apic_write(0, 0x380, 1000000);
    test_advance(6500000, 6500000);
    assert_int_equal(take_all(0, 0x31), 6);
    test_advance(500000, 500000);
    assert_int_equal(take_all(0, 0x31), 1);
    test_advance(3000000, 3000000);
    apic_write(0, 0x320, 0x30031); /* masked: one is in flight, the others are forgotten */
    assert_int_equal(take_all(0, 0x31), 1);
    apic_write(0, 0x320, 0x00031); /* once */
    apic_write(0, 0x380, 1000000);
    test_advance(9000000, 9000000);
    assert_int_equal(take_all(0, 0x31), 1);
}

static void test_apic_timer_one_shot_and_periodic(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x10030);
    apic_write(0, 0x380, 1000000);
    assert_int_equal(apic_read(0, 0x390), 1000000);
    test_advance(400000, 400000);
    assert_int_equal(apic_read(0, 0x390), 600000);
    apic_write(0, 0x320, 0x30);
    test_advance(600000, 600000);
    assert_int_equal(take(0), 0x30);
    assert_int_equal(apic_read(0, 0x390), 0);
    apic_write(0, 0xb0, 0);
    test_advance(5000000, 1000000);
    assert_int_equal(take(0), -1);
    apic_write(0, 0x3e0, 0x3); /* by 16 */
    apic_write(0, 0x320, 0x20031);
    apic_write(0, 0x380, 62500);
    for (int i = 0; i < 3; i++) {
        test_advance(999999, 999999);
        assert_int_equal(take(0), -1);
        test_advance(1, 1);
        assert_int_equal(take(0), 0x31);
        apic_write(0, 0xb0, 0);
    }
    apic_write(0, 0x380, 0);
    test_advance(5000000, 1000000);
    assert_int_equal(take(0), -1);
}

static void test_apic_timer_that_has_run_out_stays_so_until_it_is_set(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x30);
    apic_write(0, 0x380, 1000000);
    test_advance(1000000, 1000000);
    assert_int_equal(take_all(0, 0x30), 1);
    apic_write(0, 0x3e0, 0x3); /* by 16 */
    apic_write(0, 0x320, 0x20030);
    test_advance(500000, 500000);
    assert_int_equal(apic_read(0, 0x390), 0);
    test_advance(100000000, 1000000);
    assert_int_equal(take_all(0, 0x30), 0);
}

static void test_apic_timer_counts_on_when_it_is_made_one_shot(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x20030);
    apic_write(0, 0x380, 1000000);
    test_advance(2400000, 400000);
    assert_int_equal(take_all(0, 0x30), 2);
    apic_write(0, 0x320, 0x30);
    assert_int_equal(apic_read(0, 0x390), 600000);
    test_advance(600000, 600000);
    assert_int_equal(take_all(0, 0x30), 1);
    assert_int_equal(apic_read(0, 0x390), 0);
}

static void test_apic_timer_shows_the_count_of_a_period_that_the_main_loop_is_late_for(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x20030);
    apic_write(0, 0x380, 1000000);
    test_now += 2300000;
    assert_int_equal(apic_read(0, 0x390), 700000);
}

/* The main loop has not run since; what the guest does meanwhile comes after what was due. */
static void test_apic_timer_that_is_due_interrupts_before_its_rate_is_changed(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x30);
    apic_write(0, 0x380, 1000000);
    test_now += 1300000;
    apic_write(0, 0x3e0, 0x3); /* by 16 */
    assert_int_equal(take_all(0, 0x30), 1);
    assert_int_equal(apic_read(0, 0x390), 0);
    apic_write(0, 0x3e0, 0xb);
    apic_write(0, 0x320, 0x20030);
    apic_write(0, 0x380, 1000000);
    test_now += 3300000;
    apic_write(0, 0x3e0, 0x0); /* by 2 */
    assert_int_equal(take_all(0, 0x30), 3);
    assert_int_equal(apic_read(0, 0x390), 1000000);
}

static void test_apic_timer_that_is_due_interrupts_before_it_is_set_anew(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x30);
    apic_write(0, 0x380, 1000000);
    test_now += 1300000;
    apic_write(0, 0x380, 2000000);
    assert_int_equal(take_all(0, 0x30), 1);
    assert_int_equal(apic_read(0, 0x390), 2000000);
    test_now += 2300000;
    apic_write(0, 0x380, 0);
    assert_int_equal(take_all(0, 0x30), 1);
    test_advance(5000000, 1000000);
    assert_int_equal(take_all(0, 0x30), 0);
}

static void test_apic_timer_that_is_due_interrupts_before_it_is_made_periodic(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x30);
    apic_write(0, 0x380, 1000000);
    test_now += 1300000;
    apic_write(0, 0x320, 0x20031);
    assert_int_equal(take_all(0, 0x30), 1); /* by the vector that it was due with */
    assert_int_equal(apic_read(0, 0x390), 0);
    test_advance(5000000, 1000000);
    assert_int_equal(take_all(0, 0x31), 0);
    apic_write(0, 0x320, 0x10030); /* masked */
    apic_write(0, 0x380, 1000000);
    test_now += 1300000;
    apic_write(0, 0x320, 0x20031);
    assert_int_equal(take(0), -1);
}

static void test_apic_timer_that_is_late_ends_its_period_when_it_is_made_one_shot(void **state)
{
    (void)state;
    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x3e0, 0xb); /* by 1 */
    apic_write(0, 0x320, 0x20030);
    apic_write(0, 0x380, 1000000);
    test_now += 2300000;
    apic_write(0, 0x320, 0x30); /* one comes, what else is owed is forgotten */
    assert_int_equal(take_all(0, 0x30), 1);
    assert_int_equal(apic_read(0, 0x390), 700000);
    test_advance(700000, 700000);
    assert_int_equal(take_all(0, 0x30), 1);
    assert_int_equal(apic_read(0, 0x390), 0);
    test_advance(5000000, 1000000);
    assert_int_equal(take_all(0, 0x30), 0);
}

static void test_apic_deadline_in_the_past_comes_at_once(void **state)
{
    uint64_t value;
    (void)state;

    bql_assert_locked();
    enable_apics();
    assert_true(lapic_ops.write_msr(lapic[0], 0x6e0, 1));
    assert_true(lapic_ops.read_msr(lapic[0], 0x6e0, &value));
    assert_int_equal(value, 0); /* not in that mode */
    apic_write(0, 0x320, 0x40040);
    assert_true(lapic_ops.write_msr(lapic[0], 0x6e0, 1));
    assert_int_equal(take(0), 0x40); /* without the main loop */
    test_advance(1, 1);
    assert_int_equal(take_all(0, 0x40), 0);
    assert_true(lapic_ops.read_msr(lapic[0], 0x6e0, &value));
    assert_int_equal(value, 0);
}

/* Deadlines are in the host's time, which goes on by itself. */
static void test_apic_deadline_that_is_due_interrupts_before_the_next_is_set(void **state)
{
    uint64_t soon = (uint64_t)aio_clock_get_ns(AIO_CLOCK_HOST) + 1000000, later;
    uint64_t value;
    (void)state;

    bql_assert_locked();
    enable_apics();
    apic_write(0, 0x320, 0x40040);
    assert_true(lapic_ops.write_msr(lapic[0], 0x6e0, soon));
    while ((uint64_t)aio_clock_get_ns(AIO_CLOCK_HOST) < soon) {
    }
    later = soon + UINT64_C(3600000000000);
    assert_true(lapic_ops.write_msr(lapic[0], 0x6e0, later));
    assert_int_equal(take_all(0, 0x40), 1);
    assert_true(lapic_ops.read_msr(lapic[0], 0x6e0, &value));
    assert_int_equal(value, later);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_apic_periodic_timer_gives_the_periods_that_a_late_main_loop_missed),
        TEST(test_apic_timer_one_shot_and_periodic),
        TEST(test_apic_timer_that_has_run_out_stays_so_until_it_is_set),
        TEST(test_apic_timer_counts_on_when_it_is_made_one_shot),
        TEST(test_apic_timer_shows_the_count_of_a_period_that_the_main_loop_is_late_for),
        TEST(test_apic_timer_that_is_due_interrupts_before_its_rate_is_changed),
        TEST(test_apic_timer_that_is_due_interrupts_before_it_is_set_anew),
        TEST(test_apic_timer_that_is_due_interrupts_before_it_is_made_periodic),
        TEST(test_apic_timer_that_is_late_ends_its_period_when_it_is_made_one_shot),
        TEST(test_apic_deadline_in_the_past_comes_at_once),
        TEST(test_apic_deadline_that_is_due_interrupts_before_the_next_is_set),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
