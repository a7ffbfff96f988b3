/* The VGA: text, planes, 256 colours, linear modes; what is on the screen. */
#include "vga_test.h"

static void test_text_is_written_and_seen(void **state)
{
    struct vga_image image;
    char text[4000];
    struct error err;
    (void)state;

    bql_assert_locked();
    text_mode();
    for (unsigned i = 0; i < 5; i++) {
        test_store(0xb8000 + 160 + 2 * i, 2, (uint8_t)"hello"[i] | UINT64_C(0x0700));
    }
    assert_int_equal(test_load(0xb8000 + 160, 2), 'h' | 0x700);
    assert_int_equal(test_load(0xa0000, 1), 0xff); /* not shown there */
    assert_true(vga_text(vga, text, sizeof(text)));
    assert_memory_equal(text + 81, "hello ", 6);
    indexed(0x3c4, 4, 6); /* a glyph: plane 2 */
    indexed(0x3c4, 2, 4);
    indexed(0x3ce, 5, 0);
    indexed(0x3ce, 6, 4);
    indexed(0x3ce, 8, 0xff);
    test_store(0xa0000 + 'h' * 32, 1, 0x80);
    text_mode();
    assert_int_equal(vga_screen(vga, &image, &err), 0);
    assert_int_equal(image.width, 640);
    assert_int_equal(image.height, 400);
    assert_int_equal(image.pixels[16 * 640], 7 << 18 | 1 << 2);
    assert_int_equal(image.pixels[16 * 640 + 1], 0);
    free(image.pixels);
}

static void test_planes_are_combined_by_write_modes(void **state)
{
    (void)state;
    indexed(0x3ce, 6, 5);
    indexed(0x3c4, 4, 6);
    indexed(0x3c4, 2, 0xf);
    indexed(0x3ce, 8, 0xff);
    indexed(0x3ce, 5, 2);
    test_store(0xa0000, 1, 5);
    indexed(0x3ce, 4, 0);
    assert_int_equal(test_load(0xa0000, 1), 0xff);
    indexed(0x3ce, 4, 1);
    assert_int_equal(test_load(0xa0000, 1), 0);
    indexed(0x3ce, 5, 8); /* read mode 1: where the colour is 5 */
    indexed(0x3ce, 2, 5);
    indexed(0x3ce, 7, 0xf);
    assert_int_equal(test_load(0xa0000, 1), 0xff);
    indexed(0x3ce, 2, 4);
    assert_int_equal(test_load(0xa0000, 1), 0);
    indexed(0x3ce, 5, 1); /* copy the latches */
    test_store(0xa0001, 1, 0);
    indexed(0x3ce, 5, 0);
    indexed(0x3ce, 4, 2);
    assert_int_equal(test_load(0xa0001, 1), 0xff);
    indexed(0x3ce, 3, 0x18); /* exclusive or, of half the bits */
    indexed(0x3ce, 8, 0x0f);
    (void)test_load(0xa0001, 1);
    test_store(0xa0001, 1, 0xff);
    assert_int_equal(test_load(0xa0001, 1), 0xf0);
    indexed(0x3ce, 3, 0);
    indexed(0x3ce, 5, 3); /* set/reset where the byte says */
    indexed(0x3ce, 0, 4);
    indexed(0x3ce, 8, 0xff);
    (void)test_load(0xa0002, 1);
    test_store(0xa0002, 1, 0x3c);
    indexed(0x3ce, 5, 0);
    assert_int_equal(test_load(0xa0002, 1), 0x3c);
}

static unsigned vbe_get(unsigned reg)
{
    test_out(0x1ce, 2, reg);
    return (unsigned)test_in(0x1cf, 2);
}

static void test_linear_mode_shows_the_frame_buffer(void **state)
{
    struct vga_image image;
    struct error err;
    (void)state;

    bql_assert_locked();
    assert_int_equal(vbe_get(0), 0xb0c5);
    assert_int_equal(vbe_get(10), SIZE / 65536);
    vbe(4, 0);
    vbe(1, 320);
    vbe(2, 200);
    vbe(3, 32);
    vbe(4, 0x41);
    test_store(FRAME + (5 * 320 + 7) * 4, 4, 0x00abcdef);
    assert_int_equal(vga_screen(vga, &image, &err), 0);
    assert_int_equal(image.width, 320);
    assert_int_equal(image.pixels[5 * 320 + 7], 0xabcdef);
    free(image.pixels);
    vbe(5, 1);
    assert_int_equal(vbe_get(5), 1);
    test_store(0xa0000, 1, 0x55);
    assert_int_equal(test_load(FRAME + 0x10000, 1), 0x55);
    vbe(9, 10);
    assert_int_equal(test_load(MMIO + 0x500 + 18, 2), 10);
    vbe(4, 3); /* what is possible */
    assert_int_equal(vbe_get(3), 32);
}

static void test_mode_that_does_not_fit_is_cut(void **state)
{
    struct vga_image image;
    struct error err;
    (void)state;

    bql_assert_locked();
    vbe(1, 0xffff);
    vbe(2, 0xffff);
    vbe(3, 24);
    vbe(4, 0x41);
    assert_true(vbe_get(1) * vbe_get(2) * 3 <= SIZE);
    for (unsigned reg = 0; reg < 12; reg++) {
        vbe(reg, 0xffff);
    }
    vbe(4, 0);
    vbe(4, 0x41);
    assert_int_equal(vga_screen(vga, &image, &err), 0);
    free(image.pixels);
}

static void test_random_registers_are_survived(void **state)
{
    uint64_t r = 88172645463325252;
    char text[20000];
    (void)state;

    bql_assert_locked();
    for (unsigned i = 0; i < 300000; i++) {
        r ^= r << 13;
        r ^= r >> 7;
        r ^= r << 17;
        switch (r >> 60 & 7) {
        case 0:
            vbe(r >> 8 & 15, r >> 16 & 0xffff);
            break;
        case 1:
        case 2:
            test_store(0xa0000 + (r >> 8) % 0x20000, 1u << (r >> 32) % 4, r);
            break;
        case 3:
            (void)test_load(0xa0000 + (r >> 8) % 0x20000, 1);
            break;
        case 4:
            test_store(MMIO + (r >> 8) % 0x1000, 1u << (r >> 32) % 3, r);
            break;
        default:
            test_out((uint16_t)(0x3b0 + (r >> 8) % 0x30), 1, r >> 16 & 0xff);
            break;
        }
        if (i % 5000 == 0) {
            struct vga_image image;
            struct error err;

            if (vga_screen(vga, &image, &err) == 0) {
                free(image.pixels);
            }
            (void)vga_text(vga, text, sizeof(text));
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_text_is_written_and_seen),
        TEST(test_planes_are_combined_by_write_modes),
        TEST(test_linear_mode_shows_the_frame_buffer),
        TEST(test_mode_that_does_not_fit_is_cut),
        TEST(test_random_registers_are_survived),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
