/* fw_cfg and keyboard controller. */
#include "hw_test.h"

#include "hw/fw_cfg.h"
#include "hw/i8042.h"

static struct i8042 *kbd;
static unsigned written;

static int setup(void **state)
{
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    written = 0;
    for (unsigned n = 0; n < 16; n++) {
        machine.isa_irq[n] = test_irq(n);
    }
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", 1 << 20, &err), 0);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    assert_int_equal(fw_cfg_new(&machine, &err), 0);
    assert_int_equal(i8042_new(&machine, &kbd, &err), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    fw_cfg_free(machine.fw_cfg);
    i8042_free(kbd);
    memory_region_destroy(&machine.ram);
    return 0;
}

static void on_write(void *opaque, const void *data)
{
    (void)opaque;
    written = *(const uint8_t *)data;
}

static uint32_t swap32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
    test_store(0x1000, 4, swap32(control));
    test_store(0x1004, 4, swap32(len));
    test_store(0x1008, 8, __builtin_bswap64(addr));
    test_out(0x514, 4, 0);
    test_out(0x518, 4, swap32(0x1000));
    return swap32((uint32_t)test_load(0x1000, 4));
}

static void test_fw_cfg_items_are_read_by_port(void **state)
{
    static const char expected[] = "QEMU";
    (void)state;

    test_out(0x510, 2, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(test_in(0x511, 1), expected[i]);
    }
    assert_int_equal(test_in(0x511, 1), 0);
    test_out(0x510, 2, 1);
    assert_int_equal(test_in(0x511, 1), 3);
    test_out(0x510, 2, 0x7777);
    assert_int_equal(test_in(0x511, 1), 0);
}

static void test_fw_cfg_files_are_in_the_directory_and_read_by_dma(void **state)
{
    struct error err;
    (void)state;

    bql_assert_locked();
    assert_int_equal(test_in(0x514, 4), 0x554d4551);
    assert_int_equal(fw_cfg_add_file(machine.fw_cfg, "etc/one", "hello", 5, &err), 0);
    assert_int_equal(
        fw_cfg_add_writable_file(machine.fw_cfg, "etc/two", "x", 1, on_write, NULL, &err), 0);
    assert_int_equal(dma(FW_CFG_FILE_DIR << 16 | 8 | 2, 4 + 2 * 64, 0x2000), 0);
    assert_int_equal(test_load(0x2000, 4), 0x02000000);
    assert_int_equal(test_load(0x2004 + 64, 8), 0x0000210001000000);
    assert_int_equal(test_load(0x2004 + 8, 8), 0x00656e6f2f637465);
    assert_int_equal(dma(0x20 << 16 | 8 | 2, 8, 0x3000), 0);
    assert_int_equal(test_load(0x3000, 8), 0x6f6c6c6568);
    test_store(0x3000, 1, 0x42);
    assert_int_equal(dma(0x21 << 16 | 8 | 16, 1, 0x3000), 0);
    assert_int_equal(written, 0x42);
    assert_int_equal(dma(0x20 << 16 | 8 | 16, 1, 0x3000), 1);
    assert_int_equal(dma(0x20 << 16 | 8 | 4, 4, 0), 0);
    test_out(0x510, 2, 0x20);
}

static void test_fw_cfg_dma_outside_of_memory_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(dma(8 | 2, 0xffffffff, 0x2000), 1);
    assert_int_equal(dma(8 | 2, 16, UINT64_MAX - 4), 1);
    test_out(0x514, 4, 0xffffffff);
    test_out(0x518, 4, 0xffffffff);
    assert_int_equal(dma(0x21 << 16 | 8 | 16, 0xffffffff, 0), 1);
}

static unsigned kbd_read(void)
{
    return test_in(0x64, 1) & 1 ? (unsigned)test_in(0x60, 1) : 0x100;
}

static void test_keyboard_controller_tests_itself_and_its_devices(void **state)
{
    (void)state;
    test_out(0x64, 1, 0xaa);
    assert_int_equal(kbd_read(), 0x55);
    test_out(0x64, 1, 0x60);
    test_out(0x60, 1, 0x47);
    test_out(0x64, 1, 0x20);
    assert_int_equal(kbd_read(), 0x47);
    test_out(0x60, 1, 0xff);
    assert_true(test_line[1]);
    assert_int_equal(kbd_read(), 0xfa);
    assert_int_equal(kbd_read(), 0xaa);
    assert_false(test_line[1]);
    test_out(0x60, 1, 0xf2);
    assert_int_equal(kbd_read(), 0xfa);
    assert_int_equal(kbd_read(), 0xab);
    assert_int_equal(kbd_read(), 0x41);
    assert_int_equal(kbd_read(), 0x100);
}

static void test_keys_are_translated_to_set_1(void **state)
{
    (void)state;
    bql_assert_locked();
    for (unsigned code = 1; code < 0x54; code++) {
        test_out(0x64, 1, 0x60);
        test_out(0x60, 1, 0x47);
        i8042_key(kbd, code, true);
        i8042_key(kbd, 0xe000 | code, false);
        assert_int_equal(kbd_read(), code);
        assert_int_equal(kbd_read(), 0xe0);
        assert_int_equal(kbd_read(), code | 0x80);
    }
    test_out(0x64, 1, 0x60);
    test_out(0x60, 1, 0x03);
    i8042_key(kbd, 0x1e, false); /* A, as set 2 */
    assert_int_equal(kbd_read(), 0xf0);
    assert_int_equal(kbd_read(), 0x1c);
}

static void test_mouse_reports_movement_and_learns_its_wheel(void **state)
{
    static const uint8_t rates[] = {200, 100, 80};
    (void)state;

    bql_assert_locked();
    for (unsigned i = 0; i < 3; i++) {
        test_out(0x64, 1, 0xd4);
        test_out(0x60, 1, 0xf3);
        test_out(0x64, 1, 0xd4);
        test_out(0x60, 1, rates[i]);
    }
    test_out(0x64, 1, 0xd4);
    test_out(0x60, 1, 0xf2);
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(test_in(0x64, 1) & 0x21, 0x21);
        assert_int_equal(kbd_read(), 0xfa);
    }
    assert_int_equal(kbd_read(), 3);
    test_out(0x64, 1, 0xd4);
    test_out(0x60, 1, 0xf4);
    assert_int_equal(kbd_read(), 0xfa);
    i8042_mouse(kbd, 5, -3, 1, 1);
    assert_true(test_line[12]);
    assert_int_equal(kbd_read(), 0x29);
    assert_int_equal(kbd_read(), 5);
    assert_int_equal(kbd_read(), 0xfd);
    assert_int_equal(kbd_read(), 1);
    for (int i = 0; i < 1000; i++) {
        i8042_mouse(kbd, INT32_MAX, INT32_MIN, 100, 7);
    }
}

static void test_keyboard_controller_resets_the_machine(void **state)
{
    (void)state;
    test_out(0x64, 1, 0xff);
    assert_int_equal(test_requests, 0);
    test_out(0x64, 1, 0xfe);
    assert_int_equal(test_requests, MACHINE_RESET);
}

static void test_keyboard_controller_takes_every_byte(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i += 7) {
        test_out(0x64, 1, i & 0xff);
        test_out(0x60, 1, i >> 8);
        (void)test_in(0x60, 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_fw_cfg_items_are_read_by_port),
        TEST(test_fw_cfg_files_are_in_the_directory_and_read_by_dma),
        TEST(test_fw_cfg_dma_outside_of_memory_is_an_error),
        TEST(test_keyboard_controller_tests_itself_and_its_devices),
        TEST(test_keys_are_translated_to_set_1),
        TEST(test_mouse_reports_movement_and_learns_its_wheel),
        TEST(test_keyboard_controller_resets_the_machine),
        TEST(test_keyboard_controller_takes_every_byte),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
