/* Pictures of a screen in files (Netpbm's ppm(5); libpng's simplified interface, which
 * returns its errors). */
#include "hw/screendump.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>

/* Three bytes for each pixel, red first. */
static uint8_t *rgb_of(const struct vga_image *image)
{
    size_t count = (size_t)image->width * image->height;
    uint8_t *rgb = malloc(count * 3 + 1); /* +1: a picture of nothing is no failure */

    if (!rgb) {
        return NULL;
    }
    for (size_t n = 0; n < count; n++) {
        rgb[3 * n] = (uint8_t)(image->pixels[n] >> 16);
        rgb[3 * n + 1] = (uint8_t)(image->pixels[n] >> 8);
        rgb[3 * n + 2] = (uint8_t)image->pixels[n];
    }
    return rgb;
}

static int write_ppm(FILE *f, const struct vga_image *image, const uint8_t *rgb)
{
    size_t size = (size_t)image->width * image->height * 3;

    return fprintf(f, "P6\n%u %u\n255\n", image->width, image->height) > 0 &&
                   fwrite(rgb, 1, size, f) == size
               ? 0
               : -errno;
}

static int write_png(FILE *f, const struct vga_image *image, const uint8_t *rgb)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = image->width,
                     .height = image->height,
                     .format = PNG_FORMAT_RGB};

    errno = 0;
    return png_image_write_to_stdio(&png, f, 0, rgb, 0, NULL) ? 0 : errno ? -errno : -EIO;
}

int screendump_write(const struct vga_image *image, const char *path, enum screendump_format format,
                     struct error *err)
{
    uint8_t *rgb = rgb_of(image);
    FILE *f = rgb ? fopen(path, "wb") : NULL;
    int ret;

    if (!f) {
        ret = -errno;
    } else {
        ret = format == SCREENDUMP_PNG ? write_png(f, image, rgb) : write_ppm(f, image, rgb);
    }
    if (f && fclose(f) == EOF && ret == 0) {
        ret = -errno;
    }
    free(rgb);
    return ret < 0 ? error_set(err, -ret, "%s: %s", path, error_text(-ret)) : 0;
}
