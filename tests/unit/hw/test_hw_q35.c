/* The chipset of the machine "q35": configuration space in memory, SMRAM, interrupt
 * routing, power management. */
#include "hw_test.h"

#include "hw/acpi_pm.h"
#include "hw/ich9.h"
#include "hw/lapic.h"
#include "hw/q35.h"

#define RAM_SIZE 0x400000u
#define LPC      PCI_DEVFN(31, 0)
#define ECAM     0xb0000000u
#define PM       0x600
#define SMI_LINE 30
#define GSI0     0 /* lines 16 to 23 of the test are the I/O APIC's inputs */

static struct q35 *host;
static struct ich9 *ich9;
static struct pci_device dev[2];

static const struct pci_device_ops dev_ops = {.reset = NULL};

static int setup(void **state)
{
    static const struct pci_ids ids = {.vendor = 0x1234, .device = 0x5678, .class_code = 0xff0000};
    static const uint8_t places[2] = {PCI_DEVFN(3, 0), PCI_DEVFN(31, 2)};
    struct ich9_lines lines = {.smi = test_irq(SMI_LINE)};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    memset(dev, 0, sizeof(dev));
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        lines.pirq[n] = test_irq(GSI0 + 16 + n);
    }
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", RAM_SIZE, &err), 0);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    machine.low_ram = RAM_SIZE;
    assert_int_equal(q35_new(&machine, NULL, &host, &err), 0);
    assert_int_equal(ich9_new(&machine, &lines, &ich9, &err), 0);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(
            pci_device_init(&dev[n], machine.pci, places[n], "dev", &ids, &dev_ops, &err), 0);
        pci_device_set_pin(&dev[n], n);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    q35_free(host);
    memory_region_destroy(&machine.ram);
    return 0;
}

static void config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    test_out((uint16_t)(0xcfc + reg % 4), size, value);
}

static uint32_t config_read(unsigned devfn, unsigned reg, unsigned size)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    return (uint32_t)test_in((uint16_t)(0xcfc + reg % 4), size);
}

static void test_bridges_are_found_by_ports(void **state)
{
    (void)state;
    assert_int_equal(config_read(0, 0, 4), 0x29c08086);
    assert_int_equal(config_read(LPC, 0, 4), 0x29188086);
    assert_int_equal(config_read(LPC, 0xe, 1), 0x80);
}

static void test_configuration_space_appears_in_memory_where_it_is_put(void **state)
{
    (void)state;
    assert_int_equal(test_load(ECAM, 4), 0xffffffff);
    config_write(0, 0x60, 4, ECAM | 1);
    assert_int_equal(test_load(ECAM, 4), 0x29c08086);
    assert_int_equal(test_load(ECAM + (LPC << 12) + 2, 2), 0x2918);
    test_store(ECAM + (3 << 15) + 0x3c, 1, 0x5a);
    assert_int_equal(config_read(PCI_DEVFN(3, 0), 0x3c, 1), 0x5a);
    assert_int_equal(test_load(ECAM + 0x100, 4), 0);              /* no extended capabilities */
    assert_int_equal(test_load(ECAM + (9 << 15), 4), 0xffffffff); /* no device */
    assert_int_equal(test_load(ECAM + (1 << 20), 4), 0xffffffff); /* no bus 1 */
    config_write(0, 0x60, 4, 0xe0000000 | 1);
    assert_int_equal(test_load(ECAM, 4), 0xffffffff);
    assert_int_equal(test_load(0xe0000000, 4), 0x29c08086);
}

static void test_configuration_space_has_three_sizes(void **state)
{
    uint64_t at = 0, size = 0;
    (void)state;
    bql_assert_locked();
    config_write(0, 0x60, 4, 0xb4000000 | 2 << 1 | 1);
    assert_true(q35_ecam(host, &at, &size));
    assert_int_equal(at, 0xb4000000);
    assert_int_equal(size, 64 << 20);
    config_write(0, 0x60, 4, 0xb4000000 | 1);
    assert_true(q35_ecam(host, &at, &size));
    assert_int_equal(at, 0xb0000000); /* a multiple of its size */
    assert_int_equal(size, 256 << 20);
    config_write(0, 0x60, 4, 0xb0000000 | 3 << 1 | 1); /* reserved */
    assert_false(q35_ecam(host, &at, &size));
    config_write(0, 0x64, 4, 0xffffffff);
    config_write(0, 0x60, 4, 0xffffffff & ~4u);
    assert_true(q35_ecam(host, &at, &size));
    assert_int_equal(at, 0xff8000000);
    q35_reset(host);
    assert_false(q35_ecam(host, &at, &size));
}

static void test_attribute_map_is_the_older_ones(void **state)
{
    (void)state;
    test_store(0xf0000, 4, 0x11);
    assert_int_equal(test_load(0xf0000, 4), 0xffffffff);
    config_write(0, 0x90, 1, 0x30);
    test_store(0xf0000, 4, 0x22);
    assert_int_equal(test_load(0xf0000, 4), 0x22);
    config_write(0, 0x90, 1, 0x10); /* reads only */
    test_store(0xf0000, 4, 0x33);
    assert_int_equal(test_load(0xf0000, 4), 0x22);
}

static void test_segment_at_the_end_of_memory_is_for_smm_alone(void **state)
{
    (void)state;
    test_store(RAM_SIZE - 8, 4, 0x77);
    config_write(0, 0x9e, 1, 0x01); /* not without SMRAM */
    assert_int_equal(test_load(RAM_SIZE - 8, 4), 0x77);
    config_write(0, 0x9d, 1, 0x0a);
    assert_int_equal(test_load(RAM_SIZE - 8, 4), 0xffffffff);
    test_store(RAM_SIZE - 8, 4, 0x88);
    assert_int_equal(test_cpu_load(machine.smram_as, RAM_SIZE - 8, 4), 0x77);
    assert_int_equal(test_load(RAM_SIZE - (1 << 20) - 4, 4), 0);
    test_store(RAM_SIZE - (2 << 20), 4, 0x99);
    config_write(0, 0x9e, 1, 0x03); /* 2 MiB */
    assert_int_equal(test_load(RAM_SIZE - (2 << 20), 4), 0xffffffff);
    assert_int_equal(test_cpu_load(machine.smram_as, RAM_SIZE - (2 << 20), 4), 0x99);
    config_write(0, 0x9e, 1, 0x05); /* 8 MiB: more than there are */
    assert_int_equal(test_load(RAM_SIZE - 8, 4), 0x77);
}

static void test_locked_smram_stays_until_reset(void **state)
{
    (void)state;
    bql_assert_locked();
    config_write(0, 0x9e, 1, 0x01);
    config_write(0, 0x9d, 1, 0x5a); /* open and locked: the lock closes it */
    assert_int_equal(config_read(0, 0x9d, 1), 0x1a);
    config_write(0, 0x9e, 1, 0x00);
    config_write(0, 0x9d, 1, 0x42);
    assert_int_equal(config_read(0, 0x9d, 1), 0x1a);
    assert_int_equal(config_read(0, 0x9e, 1) & 1, 1);
    assert_int_equal(test_load(RAM_SIZE - 8, 4), 0xffffffff);
    q35_reset(host);
    assert_int_equal(test_load(RAM_SIZE - 8, 4), 0);
    config_write(0, 0x9d, 1, 0x4a);
    assert_int_equal(config_read(0, 0x9d, 1), 0x4a);
}

/* INTA of slot 3 is PIRQ H, INTB of slot 31 PIRQ B. */
static void test_pins_lead_to_the_io_apic_and_by_route_to_isa(void **state)
{
    (void)state;
    pci_set_intx(&dev[0], true);
    assert_true(test_line[23]);
    assert_false(test_line[11]);
    config_write(LPC, 0x6b, 1, 11);
    assert_true(test_line[11]);
    config_write(LPC, 0x61, 1, 11);
    pci_set_intx(&dev[1], true);
    assert_true(test_line[17]);
    pci_set_intx(&dev[0], false);
    assert_false(test_line[23]);
    assert_true(test_line[11]); /* still slot 31's */
    config_write(LPC, 0x61, 1, 0x80 | 11);
    assert_false(test_line[11]);
    assert_true(test_line[17]);
    pci_set_intx(&dev[1], false);
    assert_false(test_line[17]);
}

static void test_power_management_is_where_its_base_says(void **state)
{
    (void)state;
    assert_int_equal(test_in(PM + 4, 2), 0xffff);
    config_write(LPC, 0x40, 4, PM | 1);
    assert_int_equal(test_in(PM + 4, 2), 0xffff); /* not enabled */
    config_write(LPC, 0x44, 1, 0x80);
    assert_int_equal(test_in(PM + 4, 2), 0);
    test_out(0xb2, 1, ACPI_PM_ENABLE);
    assert_int_equal(test_in(PM + 4, 2), 1);
    assert_int_equal(test_in(PM + 0x28, 1), 0);
    test_out(PM + 0x28, 1, 0x21);
    assert_int_equal(test_in(PM + 0x28, 1), 0x21);
    config_write(LPC, 0x40, 4, 0x681);
    assert_int_equal(test_in(PM + 4, 2), 0xffff);
    assert_int_equal(test_in(0x680 + 4, 2), 1);
    assert_int_equal(test_in(0x680 + 0x28, 1), 0x21);
}

static void test_sleep_type_0_powers_off(void **state)
{
    (void)state;
    bql_assert_locked();
    ich9_set_up(ich9, PM);
    test_out(PM + 4, 2, 5 << 10 | 1 << 13);
    assert_int_equal(test_requests, 0);
    test_out(PM + 4, 2, 1 << 13);
    assert_int_equal(test_requests, MACHINE_SHUTDOWN);
}

static void test_power_button_interrupts(void **state)
{
    (void)state;
    bql_assert_locked();
    ich9_set_up(ich9, PM);
    test_out(0xb2, 1, ACPI_PM_ENABLE);
    test_out(PM + 2, 2, 0x100);
    acpi_pm_power_button(ich9_acpi(ich9));
    assert_true(test_line[9]);
    assert_int_equal(test_in(PM, 2) & 0x100, 0x100);
    test_out(PM, 2, 0x100);
    assert_false(test_line[9]);
}

static void test_apm_port_raises_smi_when_both_bits_say_so(void **state)
{
    (void)state;
    bql_assert_locked();
    ich9_set_up(ich9, PM);
    test_out(0xb2, 1, 0x12);
    test_out(PM + 0x30, 4, 0x20);
    test_out(0xb2, 1, 0x12);
    assert_int_equal(test_rises[SMI_LINE], 0);
    test_out(PM + 0x30, 4, 0x21);
    test_out(0xb2, 1, 0x12);
    assert_int_equal(test_rises[SMI_LINE], 1);
    assert_int_equal(test_in(0xb2, 1), 0x12);
    assert_int_equal(test_in(PM + 0x34, 4), 0x20);
    test_out(PM + 0x34, 4, 0x20);
    assert_int_equal(test_in(PM + 0x34, 4), 0);
    config_write(LPC, 0xa0, 1, 0x10); /* the global bit is locked */
    config_write(LPC, 0xa0, 1, 0x00);
    test_out(PM + 0x30, 4, 0x20);
    assert_int_equal(test_in(PM + 0x30, 4), 0x21);
    q35_reset(host);
    ich9_set_up(ich9, PM);
    assert_int_equal(test_in(PM + 0x30, 4), 0);
}

static void test_reset_control_register_resets(void **state)
{
    (void)state;
    test_out(0xcf9, 1, 6);
    assert_int_equal(test_requests, MACHINE_RESET);
}

static void test_chipset_registers_are_where_their_base_says(void **state)
{
    (void)state;
    config_write(LPC, 0xf0, 4, 0xfed1c001);
    assert_int_equal(test_load(0xfed1c000 + 0x3140, 4), 0x3210);
    test_store(0xfed1c000 + 0x3410, 4, 0);
    assert_int_equal(test_load(0xfed1c000 + 0x3410, 4), 0x20);
    config_write(LPC, 0xf0, 4, 0xfed1c000);
    assert_int_equal(test_load(0xfed1c000 + 0x3140, 4), 0xffffffff);
}

static void test_every_register_takes_every_kind_of_write(void **state)
{
    static const uint32_t values[] = {0xffffffff, 0, 0x80, 0xb0000001, 0xaaaaaaab, 0x1fff, 0x07};
    static const uint8_t places[] = {0, LPC};
    (void)state;

    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (unsigned n = 0; n < sizeof(places); n++) {
            for (unsigned reg = 0; reg < 256; reg++) {
                config_write(places[n], reg, 1u << reg % 3, values[i]);
                (void)config_read(places[n], reg, 1);
            }
        }
    }
    assert_int_equal(config_read(0, 0, 4), 0x29c08086);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_bridges_are_found_by_ports),
        TEST(test_configuration_space_appears_in_memory_where_it_is_put),
        TEST(test_configuration_space_has_three_sizes),
        TEST(test_attribute_map_is_the_older_ones),
        TEST(test_segment_at_the_end_of_memory_is_for_smm_alone),
        TEST(test_locked_smram_stays_until_reset),
        TEST(test_pins_lead_to_the_io_apic_and_by_route_to_isa),
        TEST(test_power_management_is_where_its_base_says),
        TEST(test_sleep_type_0_powers_off),
        TEST(test_power_button_interrupts),
        TEST(test_apm_port_raises_smi_when_both_bits_say_so),
        TEST(test_reset_control_register_resets),
        TEST(test_chipset_registers_are_where_their_base_says),
        TEST(test_every_register_takes_every_kind_of_write),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
