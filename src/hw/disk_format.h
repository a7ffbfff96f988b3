/* Formats of images that are not raw, told by their beginning. */
#ifndef MORTISE_HW_DISK_FORMAT_H
#define MORTISE_HW_DISK_FORMAT_H

#include <stddef.h>

#include "hw/disk.h"

#define DISK_FORMAT_BYTES 512u /* the signatures lie in the first so many */

/* The format that an image with these first bytes is in; NULL: as far as they tell, raw. */
const char *disk_format_name(const uint8_t *bytes, size_t len);

/* Fails with a sentence if `d`, opened from `path`, looks like another format than raw: its
 * guest would see the format's own data, and write over them. */
NODISCARD int disk_format_check_raw(struct disk *d, const char *path, struct error *err);

#endif
