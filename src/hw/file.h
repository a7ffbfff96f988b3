/* Whole files that the machine is started with: kernels, ROMs, initrds. */
#ifndef MORTISE_HW_FILE_H
#define MORTISE_HW_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Reads all of a file of at most `max` bytes into new memory (free it). `what`
 * names its part in messages: "kernel", "initrd". -EFBIG if it is longer; an
 * empty file is -EINVAL. */
NODISCARD int file_read(const char *what, const char *path, size_t max, uint8_t **buf, size_t *len,
                        struct error *err);

#endif
