/* A VGA on a PCI bus, and its registers, for tests of it. */
#ifndef TESTS_UNIT_VGA_TEST_H
#define TESTS_UNIT_VGA_TEST_H

#include "hw_test.h"

#include "hw/i440fx.h"
#include "hw/vga.h"

#define FRAME 0xe0000000u
#define MMIO  0xe1000000u
#define VGA   PCI_DEVFN(2, 0)
#define SIZE  (1u << 20)

static struct i440fx *host;
static struct vga *vga;

static void config_write(unsigned devfn, unsigned reg, unsigned size, uint32_t value)
{
    test_out(0xcf8, 4, 0x80000000 | devfn << 8 | (reg & 0xfc));
    test_out((uint16_t)(0xcfc + reg % 4), size, value);
}

UNUSED static int setup(void **state)
{
    struct error err = {""};
    (void)state;

    bql_assert_locked();
    test_forget();
    assert_int_equal(memory_region_init_ram(&machine.ram, "ram", 1 << 20, &err), 0);
    memory_region_add(&machine.memory, 0, &machine.ram, 0);
    assert_int_equal(i440fx_new(&machine, NULL, &host, &err), 0);
    assert_int_equal(vga_new(machine.pci, VGA, SIZE, &vga, &err), 0);
    config_write(VGA, 0x10, 4, FRAME);
    config_write(VGA, 0x18, 4, MMIO);
    config_write(VGA, 4, 2, 3);
    return 0;
}

UNUSED static int teardown(void **state)
{
    (void)state;
    bql_assert_locked();
    i440fx_free(host);
    memory_region_destroy(&machine.ram);
    return 0;
}

static void indexed(uint16_t port, uint8_t index, uint8_t value)
{
    test_out(port, 2, (unsigned)(index | value << 8));
}

static void palette(void)
{
    (void)test_in(0x3da, 1);
    for (unsigned n = 0; n < 16; n++) {
        test_out(0x3c0, 1, n);
        test_out(0x3c0, 1, n);
    }
    test_out(0x3c0, 1, 0x20);
    test_out(0x3c8, 1, 0);
    for (unsigned n = 0; n < 256; n++) {
        test_out(0x3c9, 1, n & 63);
        test_out(0x3c9, 1, 0);
        test_out(0x3c9, 1, n >> 2);
    }
}

UNUSED static void text_mode(void)
{
    palette();
    indexed(0x3c4, 4, 2);
    indexed(0x3c4, 2, 3);
    indexed(0x3ce, 5, 0x10);
    indexed(0x3ce, 6, 0x0e);
    indexed(0x3d4, 1, 79);
    indexed(0x3d4, 7, 0x1f);
    indexed(0x3d4, 9, 15);
    indexed(0x3d4, 0x12, 0x8f);
    indexed(0x3d4, 0x13, 40);
}

UNUSED static void vbe(unsigned reg, unsigned value)
{
    test_out(0x1ce, 2, reg);
    test_out(0x1cf, 2, value);
}

#endif
