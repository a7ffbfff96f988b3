/* pc-testdev and pci-testdev, as kvm-unit-tests use them. */
#include "hw_test.h"

#include <stdio.h>

#include "hw/i440fx.h"
#include "hw/pc_testdev.h"
#include "hw/pci_testdev.h"

#define BAR0 0xe0000000u
#define BAR1 0xc000u
#define DEV  PCI_DEVFN(2, 0)

static struct i440fx *host;

static uint32_t config_read(unsigned reg)
{
    test_out(0xcf8, 4, 0x80000000 | DEV << 8 | (reg & 0xfc));
    return (uint32_t)test_in((uint16_t)(0xcfc + reg % 4), 4);
}

static void config_write(unsigned reg, unsigned size, uint32_t value)
{
    test_out(0xcf8, 4, 0x80000000 | DEV << 8 | (reg & 0xfc));
    test_out((uint16_t)(0xcfc + reg % 4), size, value);
}

static int setup(void **state)
{
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", 1 << 20, &err), 0);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    assert_int_equal(i440fx_new(&machine, NULL, &host, &err), 0);
    assert_int_equal(pci_testdev_new(machine.pci, DEV, &err), 0);
    config_write(0x10, 4, BAR0);
    config_write(0x14, 4, BAR1);
    config_write(4, 2, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    i440fx_free(host);
    memory_region_destroy(&machine.ram);
    return 0;
}

static void test_pci_testdev_is_found(void **state)
{
    (void)state;
    assert_int_equal(config_read(0), 0x00051b36);
    assert_int_equal(config_read(8) >> 8, 0x00ff00);
    assert_int_equal(config_read(0x10), BAR0);
    assert_int_equal(config_read(0x14), BAR1 | 1);
}

/* The header's fields. */
enum field { WIDTH = 1, OFFSET = 4, DATA = 8, COUNT = 12, NAME = 16 };

static uint64_t get(bool ports, enum field at, unsigned size)
{
    return ports ? test_in((uint16_t)(BAR1 + at), size) : test_load(BAR0 + at, size);
}

static void put(bool ports, uint64_t at, uint64_t value)
{
    if (ports) {
        test_out((uint16_t)(BAR1 + at), 1, value);
    } else {
        test_store(BAR0 + at, 1, value);
    }
}

static void check_test(bool ports, unsigned n, const char *name, bool one_value)
{
    uint64_t at, data;

    put(ports, 0, n);
    assert_int_equal(get(ports, WIDTH, 1), 1);
    for (size_t i = 0; i <= strlen(name); i++) {
        assert_int_equal(get(ports, NAME + (unsigned)i, 1), (uint8_t)name[i]);
    }
    at = get(ports, OFFSET, 4);
    data = get(ports, DATA, 4);
    assert_in_range(at, ports ? 128 : 2048, ports ? 255 : 4095);
    assert_int_equal(get(ports, COUNT, 4), 0);
    for (unsigned i = 0; i < 300; i++) {
        put(ports, at, data);
    }
    assert_int_equal(get(ports, COUNT, 4), 300);
    put(ports, at, data ^ 1);
    put(ports, at + 1, data);
    assert_int_equal(get(ports, COUNT, 4), one_value ? 300 : 301);
}

static void test_writes_of_each_kind_are_counted(void **state)
{
    static const char *const kinds[] = {"no-eventfd", "wildcard-eventfd", "datamatch-eventfd"};
    (void)state;

    for (unsigned ports = 0; ports < 2; ports++) {
        for (unsigned n = 0; n < 3; n++) {
            char name[64];

            (void)snprintf(name, sizeof(name), "%s-%s", ports ? "portio" : "mmio", kinds[n]);
            check_test(ports, n, name, n != 1);
        }
    }
}

static void test_last_test_is_followed_by_none(void **state)
{
    (void)state;
    put(false, 0, 2);
    put(false, 0, 3);
    assert_int_equal(get(false, WIDTH, 1), 0);
    put(false, 2048 + 2, 0xfa); /* nobody listens there any more */
    put(false, 0, 2);
    assert_int_equal(get(false, COUNT, 4), 0);
}

/* One for all tests: it stays as long as the machine. */
static void make_pc_testdev(void)
{
    static const struct memory_region *part; /* so that leak checkers see that it is kept */
    struct error err = {""};

    bql_assert_locked();
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    if (!part) {
        assert_int_equal(pc_testdev_new(&machine, &err), 0);
        part = machine.io.first_child;
        assert_non_null(part);
    }
}

static void test_ports_give_back_what_was_written(void **state)
{
    (void)state;
    make_pc_testdev();
    test_out(0xe0, 4, 0x12345678);
    assert_int_equal(test_in(0xe0, 1), 0x78);
    assert_int_equal(test_in(0xe2, 2), 0x1234);
    test_out(0xe1, 1, 0xab);
    assert_int_equal(test_in(0xe0, 4), 0x1234ab78);
    assert_int_equal(test_in(0xe8, 4), 0x1234ab78); /* by bytes */
    test_out(0xe8, 2, 0xcdef);
    assert_int_equal(test_in(0xe0, 4), 0x1234cdef);
}

static void test_ports_drive_interrupt_lines(void **state)
{
    (void)state;
    make_pc_testdev();
    test_out(0x2005, 1, 1);
    assert_true(test_line[5]);
    assert_false(test_line[4]);
    test_out(0x2005, 1, 0);
    assert_false(test_line[5]);
    test_out(0x2010, 1, 1); /* past the lines: nothing */
    test_out(0x2017, 1, 1);
}

static void test_memory_keeps_accesses_of_all_sizes(void **state)
{
    (void)state;
    make_pc_testdev();
    test_store(0xff000000, 8, 0x1122334455667788);
    assert_int_equal(test_load(0xff000004, 4), 0x11223344);
    test_store(0xff00ffff, 1, 0x5a);
    assert_int_equal(test_load(0xff00fffe, 2), 0x5a00);
    test_store(0xff000003, 2, 0xaabb);
    assert_int_equal(test_load(0xff000000, 8), 0x112233aabb667788);
}

static int down(void **state)
{
    bql_assert_locked();
    while (machine.io.first_child) {
        memory_region_remove(machine.io.first_child);
    }
    while (machine.memory.first_child) {
        memory_region_remove(machine.memory.first_child);
    }
    return test_machine_down(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pci_testdev_is_found),
        TEST(test_writes_of_each_kind_are_counted),
        TEST(test_last_test_is_followed_by_none),
        cmocka_unit_test(test_ports_give_back_what_was_written),
        cmocka_unit_test(test_ports_drive_interrupt_lines),
        cmocka_unit_test(test_memory_keeps_accesses_of_all_sizes),
    };

    return cmocka_run_group_tests(tests, test_machine_up, down);
}
