/* Pictures of a screen in files. */
#ifndef MORTISE_HW_SCREENDUMP_H
#define MORTISE_HW_SCREENDUMP_H

#include "hw/vga.h"

enum screendump_format { SCREENDUMP_PPM, SCREENDUMP_PNG };

/* Writes a picture to a file, which is made or overwritten: a binary PPM (P6), or a PNG,
 * both with 8 bits for each of red, green and blue. Any thread; no locks. Fails with
 * what the file system says. */
NODISCARD int screendump_write(const struct vga_image *image, const char *path,
                               enum screendump_format format, struct error *err) MAY_BLOCK;

#endif
