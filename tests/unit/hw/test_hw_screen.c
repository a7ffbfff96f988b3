/* What is on a VGA's screen, by known contents of its memory, and pictures of it. */
#include "vga_test.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <unistd.h>

#include "hw/screendump.h"

/* Colour n of palette(). */
static uint32_t color(unsigned n)
{
    return (n & 63) << 18 | (n >> 2) << 2;
}

/* Pixel (x, y) of what is on the screen now. */
static uint32_t pixel(unsigned x, unsigned y)
{
    struct vga_image image = {0};
    struct error err = {""};
    uint32_t value;

    bql_assert_locked();
    assert_int_equal(vga_screen(vga, &image, &err), 0);
    assert_true(x < image.width && y < image.height);
    value = image.pixels[y * image.width + x];
    free(image.pixels);
    return value;
}

static void cell(unsigned column, unsigned row, unsigned character, unsigned attribute)
{
    test_store(0xb8000 + 160 * row + 2 * column, 2, character | attribute << 8);
}

/* The top line of a character, in the map of fonts at an offset in plane 2. */
static void glyph(unsigned at, unsigned character, uint8_t bits)
{
    indexed(0x3c4, 4, 6);
    indexed(0x3c4, 2, 4);
    indexed(0x3ce, 5, 0);
    indexed(0x3ce, 6, 4);
    indexed(0x3ce, 8, 0xff);
    test_store(0xa0000 + at + character * 32, 1, bits);
    text_mode();
    indexed(0x3d4, 0xa, 0x20);
}

static void test_attribute_colors_a_character(void **state)
{
    (void)state;
    glyph(0, 'A', 0x40);
    cell(3, 2, 'A', 0x9e);
    assert_int_equal(pixel(3 * 8, 32), color(9));
    assert_int_equal(pixel(3 * 8 + 1, 32), color(14));
    assert_int_equal(pixel(3 * 8 + 2, 32), color(9));
}

static void test_background_has_eight_colors_where_bit_7_blinks(void **state)
{
    (void)state;
    glyph(0, 'A', 0);
    cell(0, 0, 'A', 0x9e);
    assert_int_equal(pixel(0, 0), color(9));
    (void)test_in(0x3da, 1);
    test_out(0x3c0, 1, 0x30);
    test_out(0x3c0, 1, 8);
    assert_int_equal(pixel(0, 0), color(1));
}

static void test_cursor_covers_its_lines(void **state)
{
    (void)state;
    glyph(0, 'A', 0);
    cell(5, 1, 'A', 0x17);
    indexed(0x3d4, 0xe, 0);
    indexed(0x3d4, 0xf, 85);
    assert_int_equal(pixel(40, 16 + 14), color(1)); /* it is off */
    indexed(0x3d4, 0xa, 13);
    indexed(0x3d4, 0xb, 14);
    assert_int_equal(pixel(40, 16 + 12), color(1));
    assert_int_equal(pixel(40, 16 + 13), color(7));
    assert_int_equal(pixel(47, 16 + 14), color(7));
    assert_int_equal(pixel(40, 16 + 15), color(1));
    assert_int_equal(pixel(48, 16 + 14), color(0));
}

static void test_bit_3_of_an_attribute_selects_a_font(void **state)
{
    (void)state;
    glyph(0x6000, 'A', 0x80); /* map 5 */
    glyph(0, 'A', 0);
    indexed(0x3c4, 3, 1 << 2 | 1 << 5);
    cell(0, 0, 'A', 0x07);
    cell(1, 0, 'A', 0x0f);
    assert_int_equal(pixel(0, 0), color(0));
    assert_int_equal(pixel(8, 0), color(15));
}

static void test_mode_13h_is_a_byte_for_each_pixel(void **state)
{
    (void)state;
    palette();
    indexed(0x3c4, 4, 0x0e);
    indexed(0x3c4, 2, 0xf);
    indexed(0x3ce, 5, 0x40);
    indexed(0x3ce, 6, 5);
    indexed(0x3d4, 1, 79);
    indexed(0x3d4, 7, 0x1f);
    indexed(0x3d4, 9, 0x41);
    indexed(0x3d4, 0x12, 0x8f);
    indexed(0x3d4, 0x13, 40);
    test_store(0xa0000 + 320 * 199 + 319, 1, 200);
    test_store(0xa0000 + 320 * 7 + 5, 1, 77);
    assert_int_equal(pixel(319, 199), color(200));
    assert_int_equal(pixel(5, 7), color(77));
    assert_int_equal(pixel(6, 7), color(0));
}

static void test_four_planes_make_sixteen_colors(void **state)
{
    (void)state;
    palette();
    indexed(0x3c4, 4, 6);
    indexed(0x3c4, 2, 0xf);
    indexed(0x3ce, 5, 2); /* a colour, in the pixels of the mask */
    indexed(0x3ce, 6, 5);
    indexed(0x3ce, 8, 0x10);
    indexed(0x3d4, 1, 79);
    indexed(0x3d4, 7, 0x3e);
    indexed(0x3d4, 9, 0x40);
    indexed(0x3d4, 0x12, 0xdf);
    indexed(0x3d4, 0x13, 40);
    test_store(0xa0000 + 80 * 479 + 79, 1, 11);
    assert_int_equal(pixel(635, 479), color(11));
    assert_int_equal(pixel(634, 479), color(0));
    indexed(0x3d4, 0xd, 80); /* the start address, a line further */
    assert_int_equal(pixel(635, 478), color(11));
}

static void linear(unsigned bpp)
{
    vbe(4, 0);
    vbe(1, 64);
    vbe(2, 32);
    vbe(3, bpp);
    vbe(4, 0x41);
}

static void test_linear_modes_have_8_to_32_bits(void **state)
{
    (void)state;
    palette();
    linear(8);
    test_store(FRAME + 64 + 2, 1, 99);
    assert_int_equal(pixel(2, 1), color(99));
    linear(15);
    test_store(FRAME + (64 + 2) * 2, 2, 1 << 10 | 2 << 5 | 3);
    assert_int_equal(pixel(2, 1), 0x081018);
    linear(16);
    test_store(FRAME + (64 + 2) * 2, 2, 1 << 11 | 2 << 5 | 3);
    assert_int_equal(pixel(2, 1), 0x080818);
    linear(24);
    test_store(FRAME + (64 + 2) * 3, 2, 0x4567);
    test_store(FRAME + (64 + 2) * 3 + 2, 1, 0x23);
    assert_int_equal(pixel(2, 1), 0x234567);
    linear(32);
    test_store(FRAME + (64 + 2) * 4, 4, 0xff345678);
    assert_int_equal(pixel(2, 1), 0x345678);
}

static void test_start_and_pitch_beyond_the_memory_wrap(void **state)
{
    (void)state;
    text_mode();
    indexed(0x3d4, 0xc, 0xff);
    indexed(0x3d4, 0xd, 0xff);
    indexed(0x3d4, 0x13, 0xff);
    (void)pixel(639, 399);
    linear(32);
    vbe(6, 0x1000);
    vbe(9, 0xffff);
    vbe(8, 0xffff);
    (void)pixel(63, 31);
}

static uint32_t pixels[6] = {0x010203, 0xffffff, 0, 0x800000, 0x008000, 0x000080};
static const uint8_t rgb[18] = {1, 2, 3, 255, 255, 255, 0, 0, 0, 128, 0, 0, 0, 128, 0, 0, 0, 128};

static void dump_to(char *path, enum screendump_format format)
{
    struct vga_image image = {.width = 3, .height = 2, .pixels = pixels};
    struct error err = {""};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(screendump_write(&image, path, format, &err), 0);
}

static void test_ppm_has_a_header_and_bytes(void **state)
{
    char path[] = "/tmp/mortise-screen-XXXXXX", text[64];
    (void)state;

    dump_to(path, SCREENDUMP_PPM);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof(text), f), 11 + sizeof(rgb));
    assert_memory_equal(text, "P6\n3 2\n255\n", 11);
    assert_memory_equal(text + 11, rgb, sizeof(rgb));
    (void)fclose(f);
    (void)unlink(path);
}

static void test_png_is_read_back(void **state)
{
    char path[] = "/tmp/mortise-screen-XXXXXX";
    png_image png = {.version = PNG_IMAGE_VERSION};
    uint8_t back[sizeof(rgb)];
    (void)state;

    dump_to(path, SCREENDUMP_PNG);
    assert_true(png_image_begin_read_from_file(&png, path));
    assert_int_equal(png.width, 3);
    assert_int_equal(png.height, 2);
    png.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&png, NULL, back, 0, NULL));
    assert_memory_equal(back, rgb, sizeof(rgb));
    (void)unlink(path);
}

static void test_file_that_cannot_be_written_is_an_error(void **state)
{
    struct vga_image image = {.width = 3, .height = 2, .pixels = pixels};
    struct error err = {""};
    (void)state;

    assert_int_equal(screendump_write(&image, "/nonexistent/a.ppm", SCREENDUMP_PPM, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/a.ppm"));
    assert_int_equal(screendump_write(&image, "/dev/full", SCREENDUMP_PPM, &err), -ENOSPC);
    assert_true(screendump_write(&image, "/dev/full", SCREENDUMP_PNG, &err) < 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_attribute_colors_a_character),
        TEST(test_background_has_eight_colors_where_bit_7_blinks),
        TEST(test_cursor_covers_its_lines),
        TEST(test_bit_3_of_an_attribute_selects_a_font),
        TEST(test_mode_13h_is_a_byte_for_each_pixel),
        TEST(test_four_planes_make_sixteen_colors),
        TEST(test_linear_modes_have_8_to_32_bits),
        TEST(test_start_and_pitch_beyond_the_memory_wrap),
        cmocka_unit_test(test_ppm_has_a_header_and_bytes),
        cmocka_unit_test(test_png_is_read_back),
        cmocka_unit_test(test_file_that_cannot_be_written_is_an_error),
    };

    return cmocka_run_group_tests(tests, test_machine_up, test_machine_down);
}
