/* Guest-physical memory: how accesses reach RAM, devices, and nothing. */
#include "memory_fake.h"

#include <sys/eventfd.h>

static const struct memory_ops unaligned_ops = {
    .read = probe_read, .write = probe_write, .unaligned = true};
static const struct memory_ops byte_ops = {
    .read = probe_read, .write = probe_write, .min_size = 1, .max_size = 1};
static const struct memory_ops dword_ops = {
    .read = probe_read, .write = probe_write, .min_size = 4, .max_size = 4};

static void test_unassigned_memory_reads_as_ones(void **state)
{
    struct fixture *f = with_bql(state);
    uint64_t value = 0;
    uint8_t buf[16] = {0};

    assert_int_equal(cpu_load(f->as, 0x1234, 4, &value), MEMORY_UNASSIGNED);
    assert_true(value == UINT32_MAX);
    assert_int_equal(cpu_store(f->as, 0x1234, 8, 0), MEMORY_UNASSIGNED);
    assert_int_equal(address_space_read(f->as, UINT64_MAX - 7, buf, 8), MEMORY_UNASSIGNED);
    assert_int_equal(buf[7], 0xff);
    assert_int_equal(buf[8], 0);
    assert_false(address_space_valid(f->as, 0, 1, false));
    assert_false(address_space_valid(f->as, UINT64_MAX, 2, false));
}

static void test_wide_access_is_split_for_a_narrow_device(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &byte_ops, 0x1000, 0x100, 0);
    assert_int_equal(load(f, 0x1004, 4), 0x17161514);
    assert_int_equal(f->dev[0].accesses, 4);
    assert_int_equal(f->dev[0].size, 1);
    assert_int_equal(cpu_store(f->as, 0x1004, 2, 0xabcd), MEMORY_OK);
    assert_int_equal(f->dev[0].offset, 5);
    assert_int_equal(f->dev[0].value, 0xab);
}

static void test_narrow_read_takes_a_part_and_narrow_write_is_refused(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &dword_ops, 0x1000, 0x100, 0);
    assert_int_equal(load(f, 0x1006, 1), 0x16);
    assert_int_equal(f->dev[0].offset, 4);
    assert_int_equal(f->dev[0].size, 4);
    assert_int_equal(load(f, 0x1006, 4), 0x19181716);
    unsigned accesses = f->dev[0].accesses;
    assert_int_equal(cpu_store(f->as, 0x1004, 2, 0), MEMORY_ERROR);
    assert_int_equal(f->dev[0].accesses, accesses);
    assert_true(load(f, 0x1000, 8) == UINT64_C(0x1716151413121110));
}

static void test_unaligned_access_is_split_unless_the_device_takes_it(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &probe_any_ops, 0x1000, 0x100, 0);
    add_device(f, 1, &unaligned_ops, 0x2000, 0x100, 0);
    assert_int_equal(load(f, 0x1001, 4), 0x14131211);
    assert_int_equal(f->dev[0].accesses, 3);
    assert_int_equal(load(f, 0x2001, 4), 0x24232221);
    assert_int_equal(f->dev[1].accesses, 1);
}

static void test_access_across_a_border_reaches_both_sides(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 4 * KIB);
    add_device(f, 0, &probe_any_ops, 0x1000, 0x10, 0);
    memory_region_host(&f->ram)[0xfff] = 0x99;
    assert_int_equal(load(f, 0xfff, 2), 0x1099);
    assert_int_equal(cpu_store(f->as, 0xffe, 4, 0x44332211), MEMORY_OK);
    assert_int_equal(memory_region_host(&f->ram)[0xffe], 0x11);
    assert_int_equal(memory_region_host(&f->ram)[0xfff], 0x22);
    assert_int_equal(f->dev[0].value, 0x44);
    assert_int_equal(load(f, 0x100e, 4), 0xffff1f1e);
    memory_region_destroy(&f->ram);
}

static void test_buffer_is_written_to_ram_and_read_back(void **state)
{
    struct fixture *f = with_bql(state);
    uint8_t out[64], in[64];

    add_ram(f, 0, 8 * KIB);
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(address_space_write(f->as, 0xff1, out, sizeof(out)), MEMORY_OK);
    assert_int_equal(address_space_read(f->as, 0xff1, in, sizeof(in)), MEMORY_OK);
    assert_memory_equal(in, out, sizeof(in));
    add_device(f, 0, &probe_any_ops, 0x2000, 0x1000, 0);
    memset(in, 0, sizeof(in));
    assert_int_equal(address_space_read(f->as, 0x1ffe, in, 8), MEMORY_ERROR);
    assert_int_equal(in[2], 0xff);
    assert_int_equal(in[7], 0xff);
    assert_int_equal(in[8], 0);
    memory_region_destroy(&f->ram);
}

static void test_dma_reaches_memory_and_no_device(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 64 * KIB);
    add_device(f, 0, &probe_any_ops, 0x20000, 0x100, 0);
    add_device(f, 1, &probe_any_ops, 0x30000, 0x100, 0);
    f->dev[0].dma = f->as;
    f->dev[0].dma_addr = 0x20010;
    (void)load(f, 0x20000, 1);
    assert_int_equal(f->dev[0].accesses, 1);
    assert_int_equal(f->dev[0].dma_result, MEMORY_ERROR);
    f->dev[0].dma_addr = 0x30010;
    (void)load(f, 0x20000, 1);
    assert_int_equal(f->dev[0].dma_result, MEMORY_ERROR);
    assert_int_equal(f->dev[1].accesses, 0);
    f->dev[0].dma_addr = 0x1000;
    (void)load(f, 0x20000, 1);
    assert_int_equal(f->dev[0].dma_result, MEMORY_OK);
    memory_region_destroy(&f->ram);
}

static void test_bql_is_taken_only_for_devices_that_want_it(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &probe_any_ops, 0x1000, 0x100, 0);
    memory_region_init_io(&f->dev[1].mr, &probe_any_ops, &f->dev[1], "lockless", 0x100);
    memory_region_set_lockless(&f->dev[1].mr);
    memory_region_add(&f->root, 0x2000, &f->dev[1].mr, 0);
    assert_int_equal(who(f, 0x1000), 0);
    assert_true(f->dev[0].had_bql);
    assert_int_equal(who(f, 0x2000), 1);
    assert_false(f->dev[1].had_bql);
}

static void test_notifier_takes_the_write_it_waits_for(void **state)
{
    struct fixture *f = with_bql(state);
    int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);
    uint64_t count = 0;

    add_device(f, 0, &probe_any_ops, 0x1000, 0x100, 0);
    assert_int_equal(memory_region_add_notifier(&f->dev[0].mr, 0x10, 2, true, 5, fd), 0);
    assert_int_equal(memory_region_add_notifier(&f->dev[0].mr, 0x20, 0, false, 0, other), 0);
    assert_int_equal(cpu_store(f->as, 0x1010, 2, 5), MEMORY_OK);
    assert_int_equal(f->dev[0].accesses, 0);
    assert_int_equal(read(fd, &count, 8), 8);
    assert_int_equal(cpu_store(f->as, 0x1010, 2, 6), MEMORY_OK);
    assert_int_equal(cpu_store(f->as, 0x1010, 4, 5), MEMORY_OK);
    assert_int_equal(f->dev[0].accesses, 2);
    assert_int_equal(read(fd, &count, 8), -1);
    assert_int_equal(cpu_store(f->as, 0x1020, 4, 77), MEMORY_OK);
    assert_int_equal(read(other, &count, 8), 8);
    memory_region_remove_notifier(&f->dev[0].mr, 0x20, other);
    assert_int_equal(cpu_store(f->as, 0x1020, 4, 77), MEMORY_OK);
    assert_int_equal(f->dev[0].accesses, 3);
    memory_region_destroy(&f->dev[0].mr);
    close(fd);
    close(other);
}

static void test_stores_to_code_invalidate_translations(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 64 * KIB);
    uint64_t ram = f->ram.ram_addr + 0x3000;
    assert_false(memory_ram_has_code(ram));
    memory_ram_set_code(ram, true);
    assert_true(memory_ram_has_code(ram + 0xfff));
    assert_false(memory_ram_has_code(ram + 0x1000));
    assert_false(memory_ram_has_code(ram - 1));
    /* There is none to be found, but the way there is gone. */
    assert_false(memory_ram_written(f->ram.ram_addr, 64 * KIB));
    memory_ram_set_code(ram, false);
    assert_false(memory_ram_has_code(ram));
    memory_region_destroy(&f->ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unassigned_memory_reads_as_ones),
        TEST(test_wide_access_is_split_for_a_narrow_device),
        TEST(test_narrow_read_takes_a_part_and_narrow_write_is_refused),
        TEST(test_unaligned_access_is_split_unless_the_device_takes_it),
        TEST(test_access_across_a_border_reaches_both_sides),
        TEST(test_buffer_is_written_to_ram_and_read_back),
        TEST(test_dma_reaches_memory_and_no_device),
        TEST(test_bql_is_taken_only_for_devices_that_want_it),
        TEST(test_notifier_takes_the_write_it_waits_for),
        TEST(test_stores_to_code_invalidate_translations),
    };

    fake_cache_init(1 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
