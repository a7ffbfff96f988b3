/* 8259 pair, I/O APIC and local APICs. */
#include "apic_test.h"

#include "hw/i8254.h"

/* As an operating system does it: vectors 0x20 and 0x28, all unmasked. */
static void init_pics(void)
{
    test_out(0x20, 1, 0x11);
    test_out(0x21, 1, 0x20);
    test_out(0x21, 1, 4);
    test_out(0x21, 1, 1);
    test_out(0xa0, 1, 0x11);
    test_out(0xa1, 1, 0x28);
    test_out(0xa1, 1, 2);
    test_out(0xa1, 1, 1);
    test_out(0x21, 1, 0);
    test_out(0xa1, 1, 0);
}

static void test_pic_edge_is_delivered_once_and_blocks_lower_until_eoi(void **state)
{
    (void)state;
    init_pics();
    i8259_set_irq(pic, 4, true);
    assert_true(asked(0));
    assert_false(asked(1));
    assert_int_equal(take(0), 0x24);
    assert_false(asked(0));
    i8259_set_irq(pic, 5, true);
    assert_false(i8259_output(pic));
    i8259_set_irq(pic, 1, true);
    assert_true(i8259_output(pic));
    assert_int_equal(take(0), 0x21);
    test_out(0x20, 1, 0x20);
    assert_false(i8259_output(pic));
    test_out(0x20, 1, 0x20);
    assert_int_equal(take(0), 0x25);
    test_out(0x20, 1, 0x65); /* specific */
    assert_int_equal(take(0), -1);
}

static void test_pic_slave_is_cascaded(void **state)
{
    (void)state;
    init_pics();
    i8259_set_irq(pic, 8, true);
    assert_int_equal(take(0), 0x28);
    test_out(0x20, 1, 0x0b); /* read ISR */
    assert_int_equal(test_in(0x20, 1), 4);
    test_out(0xa0, 1, 0x0b);
    assert_int_equal(test_in(0xa0, 1), 1);
    i8259_set_irq(pic, 9, true);
    test_out(0xa0, 1, 0x20);
    test_out(0x20, 1, 0x20);
    assert_int_equal(take(0), 0x29);
}

static void test_pic_request_that_goes_away_is_spurious(void **state)
{
    (void)state;
    init_pics();
    test_out(0x4d0, 1, 0x20);
    i8259_set_irq(pic, 5, true);
    assert_true(i8259_output(pic));
    i8259_set_irq(pic, 5, false);
    assert_false(i8259_output(pic));
    assert_int_equal(i8259_acknowledge(pic), 0x27);
    test_out(0x20, 1, 0x0b);
    assert_int_equal(test_in(0x20, 1), 0);
}

static void test_pic_level_is_requested_again_after_eoi(void **state)
{
    (void)state;
    init_pics();
    test_out(0x4d1, 1, 0xff);
    assert_int_equal(test_in(0x4d1, 1), 0xde);
    i8259_set_irq(pic, 10, true);
    assert_int_equal(take(0), 0x2a);
    assert_false(i8259_output(pic));
    test_out(0xa0, 1, 0x20);
    test_out(0x20, 1, 0x20);
    assert_true(i8259_output(pic));
    i8259_set_irq(pic, 10, false);
    assert_false(i8259_output(pic));
}

static void test_pic_poll_auto_eoi_and_rotation(void **state)
{
    (void)state;
    init_pics();
    i8259_set_irq(pic, 3, true);
    test_out(0x20, 1, 0x0c);
    assert_int_equal(test_in(0x20, 1), 0x83);
    test_out(0x20, 1, 0x0c);
    assert_int_equal(test_in(0x20, 1), 7);
    test_out(0x20, 1, 0xa0); /* rotate on EOI: 3 is the lowest now */
    i8259_set_irq(pic, 3, false);
    i8259_set_irq(pic, 3, true);
    i8259_set_irq(pic, 4, true);
    assert_int_equal(i8259_acknowledge(pic), 0x24);
    test_out(0x20, 1, 0x20);
    assert_int_equal(i8259_acknowledge(pic), 0x23);
    test_out(0x20, 1, 0x11);
    test_out(0x21, 1, 0x40);
    test_out(0x21, 1, 4);
    test_out(0x21, 1, 3); /* auto EOI */
    i8259_set_irq(pic, 6, true);
    assert_int_equal(i8259_acknowledge(pic), 0x46);
    test_out(0x20, 1, 0x0b);
    assert_int_equal(test_in(0x20, 1), 0);
}

static void test_pic_special_mask_lets_lower_requests_pass(void **state)
{
    (void)state;
    init_pics();
    i8259_set_irq(pic, 1, true);
    assert_int_equal(i8259_acknowledge(pic), 0x21);
    test_out(0x21, 1, 2);
    i8259_set_irq(pic, 6, true);
    assert_false(i8259_output(pic));
    test_out(0x20, 1, 0x68);
    assert_true(i8259_output(pic));
    assert_int_equal(i8259_acknowledge(pic), 0x26);
}

static void test_ioapic_edge_goes_to_the_addressed_cpu(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(4, 1, 0x34);
    ioapic_set_irq(ioapic, 4, true);
    assert_true(asked(1));
    assert_false(asked(0));
    assert_int_equal(take(1), 0x34);
    assert_int_equal(take(1), -1);
    ioapic_set_irq(ioapic, 4, true); /* no edge */
    assert_int_equal(take(1), -1);
    apic_write(1, 0xb0, 0);
    ioapic_set_irq(ioapic, 4, false);
    ioapic_set_irq(ioapic, 4, true);
    assert_int_equal(take(1), 0x34);
}

static void test_ioapic_level_comes_again_until_it_falls(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(10, 0, 0x8000 | 0x51);
    ioapic_set_irq(ioapic, 10, true);
    assert_int_equal(take(0), 0x51);
    assert_int_equal(ioapic_read(0x10 + 20) & 0x4000, 0x4000);
    assert_int_equal(apic_read(0, 0x180 + 0x20), 1u << 17);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take(0), 0x51);
    ioapic_set_irq(ioapic, 10, false);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take(0), -1);
    assert_int_equal(ioapic_read(0x10 + 20) & 0x4000, 0);
}

static void test_apic_trigger_mode_stays_until_the_vector_comes_again(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(10, 0, 0x8000 | 0x51);
    ioapic_set_irq(ioapic, 10, true);
    assert_int_equal(take(0), 0x51);
    ioapic_set_irq(ioapic, 10, false);
    apic_write(0, 0xb0, 0);
    assert_int_equal(apic_read(0, 0x180 + 0x20), 1u << 17);
    lapic_set_msi(lapics, LAPIC_BASE, 0x51);
    assert_int_equal(apic_read(0, 0x180 + 0x20), 0);
    assert_int_equal(take(0), 0x51);
}

static void test_ioapic_pin_is_up_while_one_of_its_two_lines_is(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(17, 0, 0x8000 | 0x51);
    ioapic_set_irq(ioapic, 17, true);
    ioapic_set_irq(ioapic, 17 + IOAPIC_SECOND, true);
    assert_int_equal(take(0), 0x51);
    ioapic_set_irq(ioapic, 17 + IOAPIC_SECOND, false);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take(0), 0x51);
    ioapic_set_irq(ioapic, 17 + IOAPIC_SECOND, true);
    ioapic_set_irq(ioapic, 17, false);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take(0), 0x51);
    ioapic_set_irq(ioapic, 17 + IOAPIC_SECOND, false);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take(0), -1);
    ioapic_tick(ioapic, IOAPIC_PINS + IOAPIC_SECOND, 1); /* no such pins */
    ioapic_set_irq(ioapic, 2 * IOAPIC_SECOND, true);
}

static void test_ioapic_masked_level_comes_when_unmasked(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(11, 0, 0x18000 | 0x52);
    ioapic_set_irq(ioapic, 11, true);
    assert_int_equal(take(0), -1);
    ioapic_route(11, 0, 0x8000 | 0x52);
    assert_int_equal(take(0), 0x52);
    assert_int_equal(ioapic_read(1), 0x00170020);
}

static void test_ioapic_index_is_a_byte_and_its_window_a_word(void **state)
{
    (void)state;
    ioapic_write(0x10 + 20, 0x18052);
    test_store(IOAPIC, 1, 1);
    assert_int_equal(test_load(IOAPIC + 0x10, 4), 0x00170020);
    test_store(IOAPIC, 2, 0x10 + 20);
    assert_int_equal(test_load(IOAPIC, 1), 0x10 + 20);
    test_store(IOAPIC + 0x10, 1, 0x99);
    test_store(IOAPIC + 0x10, 2, 0x9999);
    assert_int_equal(test_load(IOAPIC + 0x10, 4), 0x18052);
}

static void test_ioapic_ticks_come_one_after_another(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(2, 1, 0x30);
    ioapic_tick(ioapic, 2, 5);
    assert_false(asked(0));
    assert_int_equal(take_all(1, 0x30), 5);
    ioapic_tick(ioapic, 2, 1);
    ioapic_tick(ioapic, 2, 1);
    assert_int_equal(take_all(1, 0x30), 2);
    ioapic_tick(ioapic, 2, UINT_MAX);
    ioapic_tick(ioapic, 2, UINT_MAX);
    assert_int_equal(take_all(1, 0x30), 1 + IRQ_OWED_MAX);
    ioapic_tick(ioapic, 99, 1);
    /* Other devices' edges merge as ever. */
    for (unsigned i = 0; i < 3; i++) {
        ioapic_set_irq(ioapic, 2, false);
        ioapic_set_irq(ioapic, 2, true);
    }
    assert_int_equal(take_all(1, 0x30), 1);
}

static void test_ioapic_ticks_that_come_during_the_handler_are_not_lost(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(2, 0, 0x30);
    ioapic_tick(ioapic, 2, 1);
    assert_int_equal(take(0), 0x30);
    ioapic_tick(ioapic, 2, 1);
    ioapic_tick(ioapic, 2, 1);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take_all(0, 0x30), 2);
}

static void
test_ioapic_ticks_of_a_masked_pin_are_lost_and_of_a_stopped_timer_forgotten(void **state)
{
    (void)state;
    enable_apics();
    ioapic_route(2, 0, 0x10030);
    ioapic_tick(ioapic, 2, 5);
    ioapic_route(2, 0, 0x30);
    assert_int_equal(take_all(0, 0x30), 0);
    ioapic_tick(ioapic, 2, 5);
    ioapic_tick(ioapic, 2, 0);
    assert_int_equal(take_all(0, 0x30), 1);
    ioapic_tick(ioapic, 2, 5);
    ioapic_route(2, 0, 0x10030);
    assert_int_equal(take_all(0, 0x30), 1);
    ioapic_route(2, 0, 0x8031); /* by level they are one */
    ioapic_tick(ioapic, 2, 5);
    assert_int_equal(take(0), 0x31);
    ioapic_set_irq(ioapic, 2, false);
    apic_write(0, 0xb0, 0);
    assert_int_equal(take_all(0, 0x31), 0);
}

static void test_messages_of_a_timer_are_counted(void **state)
{
    (void)state;
    enable_apics();
    lapic_set_msi_tick(lapics, LAPIC_BASE | 2u << 12, 0x44, 3);
    assert_int_equal(take_all(2, 0x44), 3);
    lapic_set_msi_tick(lapics, LAPIC_BASE | 2u << 12, 0x44, 3);
    lapic_ops.reset(lapic[2], true);
    enable_apics();
    assert_int_equal(take_all(2, 0x44), 0);
    lapic_set_msi(lapics, LAPIC_BASE | 2u << 12, 0x44);
    assert_int_equal(take_all(2, 0x44), 1);
}

static unsigned take_all_of_pic(int vector)
{
    unsigned count = 0;
    int taken;

    while ((taken = take(0)) >= 0) {
        assert_int_equal(taken, vector);
        assert_int_equal(take(0), -1);
        test_out(0x20, 1, 0x20);
        assert_true(++count < 1000);
    }
    return count;
}

static void test_pic_ticks_come_one_after_another(void **state)
{
    (void)state;
    init_pics();
    i8259_tick(pic, 0, 4);
    assert_int_equal(take_all_of_pic(0x20), 4);
    i8259_tick(pic, 0, UINT_MAX);
    i8259_tick(pic, 0, UINT_MAX);
    assert_int_equal(take_all_of_pic(0x20), 1 + IRQ_OWED_MAX);
    i8259_tick(pic, 0, 4);
    i8259_tick(pic, 0, 0);
    assert_int_equal(take_all_of_pic(0x20), 1);
    i8259_tick(pic, 0, 4);
    init_pics();
    assert_int_equal(take_all_of_pic(0x20), 0);
}

/* Kernels mask the input while they serve it; those who use the I/O APIC, for good. */
static void test_pic_mask_keeps_ticks_but_none_are_added(void **state)
{
    (void)state;
    init_pics();
    i8259_tick(pic, 0, 3);
    assert_int_equal(take(0), 0x20);
    test_out(0x21, 1, 1);
    test_out(0x20, 1, 0x20);
    assert_false(asked(0));
    i8259_tick(pic, 0, 7);
    test_out(0x21, 1, 0);
    assert_int_equal(take_all_of_pic(0x20), 2);
}

static void test_pit_behind_the_pic_catches_up_after_a_late_main_loop(void **state)
{
    const struct irq irq = {.set = i8259_set_irq, .tick = i8259_tick, .opaque = pic};
    struct error err = {""};
    struct i8254 *pit;
    (void)state;

    bql_assert_locked();
    assert_int_equal(i8254_new(&machine.io, irq, &pit, &err), 0);
    init_pics();
    test_out(0x43, 1, 0x30);
    test_out(0x43, 1, 0x34);
    test_out(0x40, 1, 11932 & 0xff);
    test_out(0x40, 1, 11932 >> 8);
    assert_int_equal(take_all_of_pic(0x20), 1); /* its output has risen with the mode */
    test_advance(65000000, 65000000);
    assert_int_equal(take_all_of_pic(0x20), 6);
    i8254_free(pit);
}

static void test_apic_priority_and_nesting(void **state)
{
    (void)state;
    enable_apics();
    lapic_set_msi(lapics, LAPIC_BASE, 0x41);
    lapic_set_msi(lapics, LAPIC_BASE, 0x62);
    assert_int_equal(take(0), 0x62);
    assert_int_equal(apic_read(0, 0xa0), 0x60);
    assert_int_equal(take(0), -1);
    assert_false(asked(0));
    apic_write(0, 0xb0, 0);
    assert_true(asked(0));
    assert_int_equal(take(0), 0x41);
    apic_write(0, 0xb0, 0);
    lapic_ops.set_tpr(lapic[0], 5);
    lapic_set_msi(lapics, LAPIC_BASE, 0x5f);
    assert_false(asked(0));
    lapic_ops.set_tpr(lapic[0], 4);
    assert_true(asked(0));
    assert_int_equal(lapic_ops.get_tpr(lapic[0]), 4);
    assert_int_equal(take(0), 0x5f);
}

static void test_apic_logical_and_broadcast_destinations(void **state)
{
    (void)state;
    enable_apics();
    lapic_set_msi(lapics, LAPIC_BASE | 6u << 12 | 4, 0x70);
    assert_int_equal(take(0), -1);
    assert_int_equal(take(1), 0x70);
    assert_int_equal(take(2), 0x70);
    lapic_set_msi(lapics, LAPIC_BASE | 0xffu << 12, 0x80);
    for (unsigned i = 0; i < TEST_CPUS; i++) {
        assert_int_equal(take(i), 0x80);
    }
    /* Lowest priority: not one that is busy. */
    lapic_set_msi(lapics, LAPIC_BASE | 7u << 12 | 4, 0x190);
    assert_int_equal(take(0), 0x90);
    lapic_set_msi(lapics, LAPIC_BASE | 7u << 12 | 4, 0x1a0);
    assert_int_equal(take(0), -1);
    assert_int_equal(take(1), 0xa0);
    /* Cluster model. */
    apic_write(2, 0xe0, 0x0fffffff);
    apic_write(2, 0xd0, 0x31000000);
    lapic_set_msi(lapics, LAPIC_BASE | 0x31u << 12 | 4, 0xb0);
    assert_int_equal(take(2), 0xb0);
}

static void test_apic_ipis(void **state)
{
    (void)state;
    enable_apics();
    apic_write(0, 0x310, 1u << 24);
    apic_write(0, 0x300, 0x4500);
    assert_int_equal(test_interrupts[1], SYS_INT_INIT);
    apic_write(0, 0x300, 0x4608);
    assert_int_equal(test_sipi[1], 8);
    apic_write(0, 0x300, 0x400);
    assert_true(test_interrupts[1] & SYS_INT_NMI);
    apic_write(0, 0x300, 0x000c00f1); /* all but self */
    assert_int_equal(take(0), -1);
    assert_int_equal(take(1), 0xf1);
    assert_int_equal(take(2), 0xf1);
    apic_write(0, 0x300, 0x000400f2); /* self */
    assert_int_equal(take(0), 0xf2);
    apic_write(0, 0x300, 0x00040005);
    apic_write(0, 0x280, 0);
    assert_int_equal(apic_read(0, 0x280), 0x20);
}

static void test_x2apic_registers_are_msrs(void **state)
{
    uint64_t value;
    (void)state;

    enable_apics();
    assert_false(lapic_ops.read_msr(lapic[1], 0x802, &value));
    assert_true(lapic_ops.set_base(lapic[1], LAPIC_BASE | 0xc00));
    assert_true(lapic_ops.read_msr(lapic[1], 0x802, &value));
    assert_int_equal(value, 1);
    assert_true(lapic_ops.read_msr(lapic[1], 0x80d, &value));
    assert_int_equal(value, 2);
    assert_false(lapic_ops.write_msr(lapic[1], 0x80b, 1));
    assert_false(lapic_ops.write_msr(lapic[1], 0x802, 0));
    assert_false(lapic_ops.read_msr(lapic[1], 0x80e, &value));
    assert_true(lapic_ops.write_msr(lapic[1], 0x83f, 0x55));
    assert_int_equal(take(1), 0x55);
    assert_true(lapic_ops.write_msr(lapic[1], 0x80b, 0));
    assert_true(lapic_ops.write_msr(lapic[1], 0x830, UINT64_C(2) << 32 | 0x56));
    assert_int_equal(take(2), 0x56);
    assert_false(lapic_ops.set_base(lapic[1], LAPIC_BASE | 0x800));
    assert_true(lapic_ops.set_base(lapic[1], LAPIC_BASE));
    assert_true(lapic_ops.set_base(lapic[1], LAPIC_BASE | 0x800));
    assert_int_equal(apic_read(1, 0xf0), 0xff);
}

static void test_apic_disabled_by_software_takes_no_interrupts(void **state)
{
    (void)state;
    enable_apics();
    apic_write(0, 0xf0, 0xff);
    lapic_set_msi(lapics, LAPIC_BASE, 0x41);
    assert_int_equal(take(0), -1);
    assert_int_equal(apic_read(0, 0x350) & 0x10000, 0x10000);
    apic_write(0, 0x350, 0x700);
    assert_int_equal(apic_read(0, 0x350), 0x10700);
}

static void test_apic_init_resets_registers_but_not_the_base(void **state)
{
    (void)state;
    enable_apics();
    lapic_set_msi(lapics, LAPIC_BASE | 1u << 12, 0x41);
    lapic_ops.reset(lapic[1], true);
    assert_int_equal(take(1), -1);
    assert_int_equal(apic_read(1, 0xf0), 0xff);
    assert_int_equal(lapic_ops.get_base(lapic[1]), LAPIC_BASE | 0x800);
    assert_int_equal(lapic_ops.get_base(lapic[0]), LAPIC_BASE | 0x900);
}

static void test_hostile_register_accesses_are_harmless(void **state)
{
    (void)state;
    enable_apics();
    for (unsigned offset = 0; offset < 0x1000; offset += 4) {
        apic_write(2, offset, 0xffffffff);
        (void)apic_read(2, offset);
    }
    for (unsigned reg = 0; reg < 256; reg++) {
        ioapic_write(reg, 0xffffffff);
        (void)ioapic_read(reg);
    }
    for (unsigned pin = 0; pin < 300; pin++) {
        ioapic_set_irq(ioapic, pin, true);
    }
    for (uint32_t msr = 0x800; msr < 0xc00; msr++) {
        uint64_t value;

        (void)lapic_ops.write_msr(lapic[2], msr, UINT64_MAX);
        (void)lapic_ops.read_msr(lapic[2], msr, &value);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pic_edge_is_delivered_once_and_blocks_lower_until_eoi),
        TEST(test_pic_slave_is_cascaded),
        TEST(test_pic_request_that_goes_away_is_spurious),
        TEST(test_pic_level_is_requested_again_after_eoi),
        TEST(test_pic_poll_auto_eoi_and_rotation),
        TEST(test_pic_special_mask_lets_lower_requests_pass),
        TEST(test_ioapic_edge_goes_to_the_addressed_cpu),
        TEST(test_ioapic_level_comes_again_until_it_falls),
        TEST(test_apic_trigger_mode_stays_until_the_vector_comes_again),
        TEST(test_ioapic_pin_is_up_while_one_of_its_two_lines_is),
        TEST(test_ioapic_masked_level_comes_when_unmasked),
        TEST(test_ioapic_index_is_a_byte_and_its_window_a_word),
        TEST(test_ioapic_ticks_come_one_after_another),
        TEST(test_ioapic_ticks_that_come_during_the_handler_are_not_lost),
        TEST(test_ioapic_ticks_of_a_masked_pin_are_lost_and_of_a_stopped_timer_forgotten),
        TEST(test_messages_of_a_timer_are_counted),
        TEST(test_pic_ticks_come_one_after_another),
        TEST(test_pic_mask_keeps_ticks_but_none_are_added),
        TEST(test_pit_behind_the_pic_catches_up_after_a_late_main_loop),
        TEST(test_apic_priority_and_nesting),
        TEST(test_apic_logical_and_broadcast_destinations),
        TEST(test_apic_ipis),
        TEST(test_x2apic_registers_are_msrs),
        TEST(test_apic_disabled_by_software_takes_no_interrupts),
        TEST(test_apic_init_resets_registers_but_not_the_base),
        TEST(test_hostile_register_accesses_are_harmless),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
