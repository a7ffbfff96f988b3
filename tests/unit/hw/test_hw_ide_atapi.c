/* The CD-ROM drive of the IDE controller: packet commands, the disc and its tray. */
#include "ide_test.h"

#include <errno.h>

static void packet(const uint8_t *bytes, bool dma, unsigned limit)
{
    test_out(0x176, 1, 0xa0);
    test_out(0x171, 1, dma);
    test_out(0x174, 1, limit & 0xff);
    test_out(0x175, 1, limit >> 8);
    test_out(0x177, 1, 0xa0);
    assert_int_equal(status(0x170) & 8, 8);
    for (unsigned i = 0; i < 12; i += 2) {
        test_out(0x170, 2, (unsigned)(bytes[i] | bytes[i + 1] << 8));
    }
}

static void test_disc_is_read_by_packet(void **state)
{
    static const uint8_t capacity[12] = {0x25}, read[12] = {0x28, 0, 0, 0, 0, 10, 0, 0, 40};
    uint8_t buf[2048];
    uint32_t n;
    (void)state;

    packet(capacity, false, 0xfffe);
    assert_int_equal(test_in(0x174, 1), 8);
    read_data(0x170, buf, 8);
    assert_int_equal(buf[3], DISC - 1);
    assert_int_equal(status(0x170), 0x50);
    packet(read, false, 2048);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(test_in(0x175, 1), 8);
        assert_int_equal(status(0x170) & 8, 8);
        read_data(0x170, buf, 2048);
        memcpy(&n, buf, 4);
        assert_int_equal(n, (10 + i) * 4);
    }
    assert_int_equal(status(0x170), 0x50);
    prd(0, DATA, 40 * 2048 & 0xffff, false);
    prd(1, DATA + (40 * 2048 & 0xffff), 0, true);
    test_out(BM + 12, 4, PRD);
    packet(read, true, 0);
    test_out(BM + 8, 1, 9);
    assert_int_equal(status(0x170), 0x50);
    memcpy(&n, ram + DATA + 39 * 2048, 4);
    assert_int_equal(n, 49 * 4);
}

static void test_disc_that_is_changed_or_missing_is_reported(void **state)
{
    static const uint8_t ready[12] = {0}, sense[12] = {3, 0, 0, 0, 18};
    static const uint8_t beyond[12] = {0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff};
    struct error err;
    uint8_t buf[18];
    (void)state;

    bql_assert_locked();
    packet(beyond, false, 2048);
    assert_int_equal(status(0x170) & 1, 1);
    packet(sense, false, 18);
    read_data(0x170, buf, 18);
    assert_int_equal(buf[2], 5);
    assert_int_equal(buf[12], 0x21);
    assert_int_equal(ide_change_disc(ide, 2, NULL, &err), 0);
    packet(ready, false, 0);
    assert_int_equal(status(0x170) & 1, 1);
    packet(ready, false, 0);
    packet(sense, false, 18);
    read_data(0x170, buf, 18);
    assert_int_equal(buf[2], 2);
    assert_int_equal(buf[12], 0x3a);
    assert_int_equal(ide_change_disc(ide, 0, NULL, &err), -ENODEV);
}

/* Fails with this sense. */
static void assert_sense(const uint8_t *bytes, unsigned key, unsigned code, unsigned qualifier)
{
    static const uint8_t sense[12] = {3, 0, 0, 0, 18};
    uint8_t buf[18];

    packet(bytes, false, 2048);
    assert_int_equal(status(0x170) & 9, 1);
    packet(sense, false, 18);
    read_data(0x170, buf, 18);
    assert_int_equal(buf[2], key);
    assert_int_equal(buf[12], code);
    assert_int_equal(buf[13], qualifier);
}

static void assert_works(const uint8_t *bytes)
{
    packet(bytes, false, 2048);
    assert_int_equal(status(0x170), 0x50);
}

static void test_tray_goes_out_and_in_unless_that_is_prevented(void **state)
{
    static const uint8_t ready[12] = {0}, eject[12] = {0x1b, 0, 0, 0, 2};
    static const uint8_t load[12] = {0x1b, 0, 0, 0, 3}, stop[12] = {0x1b};
    static const uint8_t lock[12] = {0x1e, 0, 0, 0, 1}, unlock[12] = {0x1e};
    static const uint8_t event[12] = {0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8};
    static const uint8_t read[12] = {0x28, 0, 0, 0, 0, 0, 0, 0, 1};
    uint8_t buf[8];
    (void)state;

    assert_works(ready);
    assert_works(lock);
    assert_sense(eject, 5, 0x53, 2);
    assert_works(ready);
    assert_works(unlock);
    assert_works(stop);
    assert_works(ready);
    assert_works(eject);
    assert_works(eject);
    assert_sense(ready, 2, 0x3a, 2);
    assert_sense(read, 2, 0x3a, 2);
    packet(event, false, 8);
    read_data(0x170, buf, 8);
    assert_int_equal(buf[5], 1);
    assert_works(load);
    assert_sense(ready, 6, 0x28, 0);
    assert_works(ready);
    packet(event, false, 8);
    read_data(0x170, buf, 8);
    assert_int_equal(buf[5], 2);
}

static void test_machine_reset_unlocks_the_tray_and_takes_it_in(void **state)
{
    static const uint8_t ready[12] = {0}, eject[12] = {0x1b, 0, 0, 0, 2};
    static const uint8_t lock[12] = {0x1e, 0, 0, 0, 1};
    (void)state;

    bql_assert_locked();
    assert_works(eject);
    assert_works(lock);
    test_out(0x376, 1, 4); /* neither a reset by the channel's register ... */
    test_out(0x376, 1, 0);
    assert_sense(ready, 2, 0x3a, 2);
    pci_bus_reset(machine.pci); /* ... but one of the machine */
    assert_works(ready);
    assert_works(eject);
    assert_sense(ready, 2, 0x3a, 2);
}

static void test_vital_product_data_are_no_inquiry(void **state)
{
    static const uint8_t page[12] = {0x12, 1, 0x80, 0, 36}, inquiry[12] = {0x12, 0, 0, 0, 36};
    uint8_t buf[36];
    (void)state;

    assert_sense(page, 5, 0x24, 0);
    packet(inquiry, false, 36);
    read_data(0x170, buf, 36);
    assert_int_equal(buf[0], 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_disc_is_read_by_packet),
        TEST(test_disc_that_is_changed_or_missing_is_reported),
        TEST(test_tray_goes_out_and_in_unless_that_is_prevented),
        TEST(test_machine_reset_unlocks_the_tray_and_takes_it_in),
        TEST(test_vital_product_data_are_no_inquiry),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
