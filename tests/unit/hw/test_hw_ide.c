/* The IDE controller: its registers, programmed I/O and the bus master, with a disk. */
#include "ide_test.h"

static void test_disk_identifies_itself(void **state)
{
    uint16_t id[256];
    (void)state;

    command(0x1f0, 0xa0, 0, 0, 0xec);
    assert_true(test_line[14]);
    assert_int_equal(status(0x1f0), 0x58);
    assert_false(test_line[14]);
    read_data(0x1f0, id, 512);
    assert_int_equal(status(0x1f0), 0x50);
    assert_int_equal(id[60] | id[61] << 16, SECTORS);
    assert_int_equal(id[27], 'M' << 8 | 'O');
    command(0x1f0, 0xb0, 0, 0, 0xec); /* no slave */
    assert_int_equal(status(0x1f0), 0);
}

static void test_cd_answers_identify_with_its_signature(void **state)
{
    uint16_t id[256];
    (void)state;

    command(0x170, 0xa0, 0, 0, 0xec);
    assert_int_equal(status(0x170) & 1, 1);
    assert_int_equal(test_in(0x174, 1), 0x14);
    assert_int_equal(test_in(0x175, 1), 0xeb);
    command(0x170, 0xa0, 0, 0, 0xa1);
    read_data(0x170, id, 512);
    assert_int_equal(id[0], 0x85c0);
}

static void test_sectors_by_programmed_io(void **state)
{
    uint8_t buf[512];
    uint32_t n;
    (void)state;

    command(0x1f0, 0xe0, 1234, 3, 0x20);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(status(0x1f0), 0x58);
        read_data(0x1f0, buf, 512);
        memcpy(&n, buf, 4);
        assert_int_equal(n, 1234 + i);
    }
    assert_int_equal(status(0x1f0), 0x50);
    command(0x1f0, 0xe0, 77, 2, 0x30);
    assert_false(test_line[14]);
    for (unsigned i = 0; i < 256; i++) {
        test_out(0x1f0, 4, 0xdead0000 | i);
    }
    assert_true(test_line[14]);
    assert_int_equal(status(0x1f0), 0x50);
    command(0x1f0, 0xe0, 78, 1, 0xc4);
    read_data(0x1f0, buf, 512);
    memcpy(&n, buf, 4);
    assert_int_equal(n, 0xdead0080);
    command(0x1f0, 0xa0, 1 << 8 | 1, 1, 0x20); /* cylinder 1, head 0, sector 1 */
    read_data(0x1f0, buf, 512);
    memcpy(&n, buf, 4);
    assert_int_equal(n, 16 * 63);
}

static void test_sectors_outside_of_the_disk_are_not_found(void **state)
{
    (void)state;
    command(0x1f0, 0xe0, SECTORS, 1, 0x20);
    assert_int_equal(status(0x1f0), 0x51);
    assert_int_equal(test_in(0x1f1, 1), 0x10);
    command(0x1f0, 0xe0, SECTORS - 1, 2, 0xc8);
    assert_int_equal(status(0x1f0), 0x51);
    command(0x1f0, 0xa0, 0, 1, 0x20); /* sector 0 does not exist */
    assert_int_equal(status(0x1f0), 0x51);
    command(0x1f0, 0xe0, 0, 0, 0xff);
    assert_int_equal(test_in(0x1f1, 1), 4);
}

static void test_sectors_by_dma(void **state)
{
    uint32_t n;
    (void)state;

    prd(0, DATA, 0x300, false);
    prd(1, DATA + 0x300, 0x1000 - 0x300, true);
    test_out(BM + 4, 4, PRD);
    command(0x1f0, 0xe0, 500, 8, 0xc8);
    assert_false(test_line[14]);
    test_out(BM, 1, 9);
    assert_true(test_line[14]);
    assert_int_equal(test_in(BM + 2, 1) & 7, 4);
    memcpy(&n, ram + DATA + 7 * 512, 4);
    assert_int_equal(n, 507);
    test_out(BM + 2, 1, 4);
    test_out(BM, 1, 0);
    assert_int_equal(test_in(BM + 2, 1) & 7, 0);
    memset(ram + DATA, 0x77, 0x1000);
    command(0x1f0, 0xe0, 500, 8, 0xca);
    test_out(BM, 1, 1);
    assert_int_equal(status(0x1f0), 0x50);
    test_out(BM, 1, 0);
    command(0x1f0, 0xe0, 507, 1, 0x20);
    assert_int_equal(test_in(0x1f0, 4), 0x77777777);
}

static void test_dma_with_a_table_that_is_too_short_or_not_memory_fails(void **state)
{
    (void)state;
    prd(0, DATA, 512, true);
    test_out(BM + 4, 4, PRD);
    command(0x1f0, 0xe0, 0, 8, 0xc8);
    test_out(BM, 1, 9);
    assert_int_equal(status(0x1f0) & 1, 1);
    assert_int_equal(test_in(BM + 2, 1) & 2, 2);
    test_out(BM, 1, 0);
    test_out(BM + 4, 4, 0xfffffffc);
    command(0x1f0, 0xe0, 0, 8, 0xc8);
    test_out(BM, 1, 9);
    assert_int_equal(status(0x1f0) & 1, 1);
    test_out(BM, 1, 0);
    prd(0, RAM_SIZE + 0x100000, 0, true);
    test_out(BM + 4, 4, PRD);
    command(0x1f0, 0xe0, 0, 8, 0xc8);
    test_out(BM, 1, 9);
    assert_int_equal(status(0x1f0) & 1, 1);
}

static void test_48_bit_addresses(void **state)
{
    uint8_t buf[512];
    uint32_t n;
    (void)state;

    test_out(0x1f6, 1, 0xe0);
    test_out(0x1f2, 1, 0);
    test_out(0x1f2, 1, 1);
    test_out(0x1f3, 1, 0);
    test_out(0x1f3, 1, 5);
    test_out(0x1f4, 1, 0);
    test_out(0x1f4, 1, 1);
    test_out(0x1f5, 1, 0);
    test_out(0x1f5, 1, 0);
    test_out(0x1f7, 1, 0x24);
    read_data(0x1f0, buf, 512);
    memcpy(&n, buf, 4);
    assert_int_equal(n, 0x105);
    test_out(0x1f5, 1, 0xff);
    test_out(0x1f5, 1, 0);
    test_out(0x1f7, 1, 0x24);
    assert_int_equal(status(0x1f0), 0x51);
    test_out(0x1f7, 1, 0x27);
    assert_int_equal(test_in(0x1f3, 1) | test_in(0x1f4, 1) << 8, SECTORS - 1);
}

static void test_random_accesses_are_survived(void **state)
{
    uint64_t r = 88172645463325252;
    (void)state;

    for (unsigned i = 0; i < 200000; i++) {
        uint16_t base = r >> 40 & 1 ? 0x1f0 : 0x170;
        unsigned what = r >> 8 & 15;

        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        if (what < 8) {
            test_out((uint16_t)(base + what), what ? 1 : 1u << (r >> 12) % 3, r >> 16);
        } else if (what < 12) {
            (void)test_in((uint16_t)(base + (r >> 16) % 8), 1u << (r >> 24) % 3);
        } else if (what < 15) {
            test_out((uint16_t)(BM + (r >> 16) % 16), 1u << (r >> 24) % 3,
                     r >> 32 & 1 ? r >> 30 : PRD | (r >> 30 & 0xff));
        } else {
            prd((unsigned)(r >> 16 & 15), (uint32_t)(r >> 20) & 0x3fffff,
                (uint32_t)(r >> 24) & 0xffff, r >> 50 & 1);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_disk_identifies_itself),
        TEST(test_cd_answers_identify_with_its_signature),
        TEST(test_sectors_by_programmed_io),
        TEST(test_sectors_outside_of_the_disk_are_not_found),
        TEST(test_sectors_by_dma),
        TEST(test_dma_with_a_table_that_is_too_short_or_not_memory_fails),
        TEST(test_48_bit_addresses),
        TEST(test_random_accesses_are_survived),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
