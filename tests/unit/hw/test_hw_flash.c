/* Flash with Intel's command set: a chip of sixteen blocks that ends at 4 GiB. */
#include "hw_test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "hw/pflash.h"

#define END   0x100000000u
#define SIZE  0x10000u
#define BASE  (END - SIZE)
#define READY 0x80u

static struct pflash *flash;
static char path[32];

static struct disk *make_disk(uint64_t size, bool read_only)
{
    struct error err = {""};
    struct disk *disk;
    uint8_t data[SIZE];
    int fd;

    for (unsigned i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    strcpy(path, "/tmp/mortise-flash-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, SIZE, 0), SIZE);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    (void)close(fd);
    assert_int_equal(disk_open(path, read_only, &disk, &err), 0);
    return disk;
}

static void make(bool read_only)
{
    struct error err = {""};
    struct disk *disk = make_disk(SIZE, read_only);

    bql_assert_locked();
    assert_int_equal(pflash_new("flash", &machine.memory, END, END, disk, &flash, &err), 0);
}

static int setup(void **state)
{
    (void)state;
    test_forget();
    make(false);
    return 0;
}

static int setup_read_only(void **state)
{
    (void)state;
    test_forget();
    make(true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    pflash_free(flash);
    (void)unlink(path);
    return 0;
}

static uint8_t get(unsigned offset)
{
    return (uint8_t)test_load(BASE + offset, 1);
}

static void put(unsigned offset, uint8_t value)
{
    test_store(BASE + offset, 1, value);
}

static uint8_t in_file(unsigned offset)
{
    FILE *f = fopen(path, "rb");
    uint8_t byte = 0;

    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fread(&byte, 1, 1, f), 1);
    (void)fclose(f);
    return byte;
}

/* What a TLB gets of the page: memory to read and run from, or an access each time. */
static bool is_memory(void)
{
    struct memory_page page;

    rcu_read_lock();
    page = address_space_page(machine.memory_as, BASE);
    rcu_read_unlock();
    return page.host && !page.writable;
}

static void test_array_is_memory_until_a_command_is_written(void **state)
{
    (void)state;
    assert_true(is_memory());
    assert_int_equal(get(0x1234), (uint8_t)(0x1234 * 7 + 0x12));
    put(0, 0x70);
    assert_false(is_memory());
    assert_int_equal(get(0x1234), READY);
    put(0, 0xff);
    assert_true(is_memory());
    assert_int_equal(get(0x1234), (uint8_t)(0x1234 * 7 + 0x12));
}

static void test_firmware_tells_it_from_ram_and_rom(void **state)
{
    (void)state;
    put(1, 0x50);
    assert_int_equal(get(1), 7);
    put(1, 0x70);
    assert_int_equal(get(1), 0);
    put(1, 0xff);
    assert_int_equal(get(1), 7);
}

static void test_erase_fills_one_block_with_ones(void **state)
{
    uint8_t before, behind;
    (void)state;

    before = get(0x2fff);
    behind = get(0x4000);
    put(0x3210, 0x20);
    put(0x3210, 0xd0);
    assert_int_equal(get(0), READY);
    put(0, 0xff);
    assert_int_equal(test_load(BASE + 0x3000, 8), UINT64_MAX);
    assert_int_equal(test_load(BASE + 0x3ff8, 8), UINT64_MAX);
    assert_int_equal(get(0x2fff), before);
    assert_int_equal(get(0x4000), behind);
    assert_int_equal(in_file(0x3456), 0xff);
    assert_int_equal(in_file(0x2fff), before);
}

static void test_programming_clears_bits_and_reaches_the_file(void **state)
{
    (void)state;
    put(0x5000, 0x20);
    put(0x5000, 0xd0);
    put(0x5001, 0x40);
    put(0x5001, 0xa5);
    assert_int_equal(get(0x5001), READY);
    put(0x5001, 0x10); /* the older command, of the same meaning */
    put(0x5001, 0x3c);
    test_store(BASE + 0x5002, 2, 0x40);
    test_store(BASE + 0x5002, 2, 0xbeef);
    put(0, 0xff);
    assert_int_equal(get(0x5001), 0xa5 & 0x3c);
    assert_int_equal(in_file(0x5001), 0xa5 & 0x3c);
    assert_int_equal(test_load(BASE + 0x5002, 2), 0xbeef);
    assert_int_equal(in_file(0x5003), 0xbe);
    assert_int_equal(get(0x5000), 0xff);
}

static void test_buffered_write_is_done_when_it_is_confirmed(void **state)
{
    (void)state;
    put(0x7000, 0x20);
    put(0x7000, 0xd0);
    put(0x7010, 0xe8);
    assert_int_equal(get(0x7010), READY);
    put(0x7010, 3); /* four bytes */
    for (unsigned i = 0; i < 4; i++) {
        put(0x7010 + i, (uint8_t)(0x11 * (i + 1)));
    }
    assert_int_equal(in_file(0x7010), 0xff);
    put(0x7010, 0xd0);
    assert_int_equal(get(0), READY);
    put(0, 0xff);
    assert_int_equal(test_load(BASE + 0x700e, 8), 0xffff44332211ffff);
    assert_int_equal(in_file(0x7013), 0x44);
}

static void test_buffered_write_across_buffers_or_without_end_fails(void **state)
{
    (void)state;
    put(0x70ff, 0xe8);
    put(0x70ff, 1);
    put(0x70ff, 0);
    put(0x7100, 0); /* another buffer */
    assert_int_equal(get(0), READY | 0x30);
    put(0, 0x50);
    put(0x7000, 0xe8);
    put(0x7000, 1);
    test_store(BASE + 0x7000, 4, 0); /* more than was said */
    assert_int_equal(get(0), READY | 0x30);
    put(0, 0x50);
    put(0x7000, 0xe8);
    put(0x7000, 0);
    put(0x7000, 0);
    put(0x7000, 0xff); /* no confirmation */
    assert_int_equal(get(0), READY | 0x30);
    put(0, 0xff);
    assert_int_equal(get(0x7000), (uint8_t)(0x7000 * 7 + 0x70));
}

static void test_erase_that_is_not_confirmed_does_nothing(void **state)
{
    (void)state;
    put(0x1000, 0x20);
    put(0x1000, 0xff);
    assert_int_equal(get(0), READY | 0x30);
    put(0, 0x50);
    put(0, 0xff);
    assert_int_equal(get(0x1000), (uint8_t)(0x1000 * 7 + 0x10));
}

static void test_read_only_flash_refuses(void **state)
{
    uint8_t before;
    (void)state;

    before = get(0x5001);
    put(0x5001, 0x40);
    put(0x5001, 0);
    assert_int_equal(get(0), READY | 0x12);
    put(0, 0x50);
    put(0x5000, 0x20);
    put(0x5000, 0xd0);
    assert_int_equal(get(0), READY | 0x22);
    put(0, 0xff);
    assert_int_equal(get(0x5001), before);
    assert_int_equal(in_file(0x5001), before);
}

static void test_cfi_query_describes_it(void **state)
{
    (void)state;
    put(0x55, 0x98);
    assert_int_equal(get(0x10), 'Q');
    assert_int_equal(get(0x11), 'R');
    assert_int_equal(get(0x12), 'Y');
    assert_int_equal(get(0x13), 1);                       /* Intel's command set */
    assert_int_equal(get(0x27), 16);                      /* 64 KiB */
    assert_int_equal(get(0x2a), 8);                       /* buffers of 256 bytes */
    assert_int_equal(get(0x2c), 1);                       /* regions */
    assert_int_equal(get(0x2d) | get(0x2e) << 8, 16 - 1); /* blocks */
    assert_int_equal(get(0x2f) | get(0x30) << 8, 4096 / 256);
    assert_int_equal(get(0x31), 'P');
    assert_int_equal(get(0xff), 0);
    put(0, 0x90);
    assert_int_equal(get(0), 0x89);
    put(0, 0xff);
}

static void test_reset_leads_back_to_the_array(void **state)
{
    (void)state;
    bql_assert_locked();
    put(0, 0x40);
    pflash_reset(flash);
    assert_true(is_memory());
    put(0x100, 0x70); /* a command again, not data */
    assert_int_equal(get(0x100), READY);
}

static void test_sizes_that_are_no_blocks_or_too_many_are_refused(void **state)
{
    static const uint64_t sizes[] = {0, 512, SIZE + 512, 2UL * SIZE};
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct disk *disk = make_disk(sizes[i], true);
        struct pflash *p;

        assert_int_equal(pflash_new("flash", &machine.memory, END, SIZE, disk, &p, &err), -EINVAL);
        disk_close(disk);
        (void)unlink(path);
    }
}

static void test_random_accesses_are_survived(void **state)
{
    static const uint8_t commands[] = {0x10, 0x20, 0x40, 0x50, 0x60, 0x70,
                                       0x90, 0x98, 0xd0, 0xe8, 0xff, 0x01};
    uint64_t r = 0x9e3779b97f4a7c15;
    (void)state;

    for (unsigned i = 0; i < 50000; i++) {
        uint64_t addr, size;

        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        size = 1u << (r >> 20) % 4;
        addr = BASE + (r >> 32) % (SIZE - size + 1);
        if (r & 1) {
            (void)test_load(addr, (unsigned)size);
        } else {
            test_store(addr, (unsigned)size,
                       r & 2 ? commands[(r >> 8) % sizeof(commands)] : r >> 9);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_array_is_memory_until_a_command_is_written),
        TEST(test_firmware_tells_it_from_ram_and_rom),
        TEST(test_erase_fills_one_block_with_ones),
        TEST(test_programming_clears_bits_and_reaches_the_file),
        TEST(test_buffered_write_is_done_when_it_is_confirmed),
        TEST(test_buffered_write_across_buffers_or_without_end_fails),
        TEST(test_erase_that_is_not_confirmed_does_nothing),
        cmocka_unit_test_setup_teardown(test_read_only_flash_refuses, setup_read_only, teardown),
        TEST(test_cfi_query_describes_it),
        TEST(test_reset_leads_back_to_the_array),
        cmocka_unit_test(test_sizes_that_are_no_blocks_or_too_many_are_refused),
        TEST(test_random_accesses_are_survived),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
