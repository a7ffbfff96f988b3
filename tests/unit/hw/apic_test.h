/* The machine of hw_test.h with an 8259 pair, an I/O APIC and local APICs, wired as in
 * a PC. */
#ifndef TESTS_UNIT_HW_APIC_TEST_H
#define TESTS_UNIT_HW_APIC_TEST_H

#include "hw_test.h"

#include "hw/i8259.h"
#include "hw/ioapic.h"
#include "hw/lapic.h"

#define IOAPIC UINT64_C(0xfec00000)

static struct i8259 *pic;
static struct ioapic *ioapic;
static struct lapic_set *lapics;
static struct lapic *lapic[TEST_CPUS];

static int setup(void **state)
{
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    assert_int_equal(lapic_set_new(&machine.memory, TEST_CPUS, &lapics, &err), 0);
    assert_int_equal(
        i8259_new(&machine.io, (struct irq){.set = lapic_set_intr, .opaque = lapics}, &pic, &err),
        0);
    lapic_set_pic(lapics, pic);
    assert_int_equal(ioapic_new(&machine.memory, IOAPIC, lapics, &ioapic, &err), 0);
    for (unsigned i = 0; i < TEST_CPUS; i++) {
        assert_int_equal(lapic_new(lapics, i, i == 0, &lapic[i], &err), 0);
        lapic_attach(lapic[i], &test_cpu[i]);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    ioapic_free(ioapic);
    i8259_free(pic);
    lapic_set_free(lapics);
    return 0;
}

UNUSED static bool asked(unsigned cpu)
{
    return test_interrupts[cpu] & SYS_INT_HARD;
}

UNUSED static int take(unsigned cpu)
{
    return lapic_ops.acknowledge(lapic[cpu]);
}

UNUSED static void apic_write(unsigned cpu, unsigned reg, uint32_t value)
{
    current_cpu = &test_cpu[cpu];
    test_store(LAPIC_BASE + reg, 4, value);
    current_cpu = NULL;
}

UNUSED static uint32_t apic_read(unsigned cpu, unsigned reg)
{
    uint32_t value;

    current_cpu = &test_cpu[cpu];
    value = (uint32_t)test_load(LAPIC_BASE + reg, 4);
    current_cpu = NULL;
    return value;
}

UNUSED static void enable_apics(void)
{
    for (unsigned i = 0; i < TEST_CPUS; i++) {
        apic_write(i, 0xf0, 0x1ff);
        apic_write(i, 0xd0, 1u << (24 + i));
    }
}

UNUSED static void ioapic_write(unsigned reg, uint32_t value)
{
    test_store(IOAPIC, 4, reg);
    test_store(IOAPIC + 0x10, 4, value);
}

UNUSED static uint32_t ioapic_read(unsigned reg)
{
    test_store(IOAPIC, 4, reg);
    return (uint32_t)test_load(IOAPIC + 0x10, 4);
}

UNUSED static void ioapic_route(unsigned pin, uint32_t dest, uint32_t low)
{
    ioapic_write(0x11 + 2 * pin, dest << 24);
    ioapic_write(0x10 + 2 * pin, low);
}

/* How many times that vector is taken, one interrupt after the other. */
UNUSED static unsigned take_all(unsigned cpu, int vector)
{
    unsigned count = 0;

    while (asked(cpu)) {
        assert_int_equal(take(cpu), vector);
        assert_int_equal(take(cpu), -1); /* not before the end of this one */
        apic_write(cpu, 0xb0, 0);
        assert_true(++count < 1000);
    }
    assert_int_equal(take(cpu), -1);
    return count;
}

#endif
