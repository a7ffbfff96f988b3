/* Storage behind block devices: a raw image file or a host block device, read and
 * written in place. Any thread; no locks. */
#ifndef MORTISE_HW_DISK_H
#define MORTISE_HW_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/annotations.h"
#include "base/error.h"

#define DISK_SECTOR 512u

struct disk {
    int fd IMMUTABLE_AFTER_INIT;
    bool read_only IMMUTABLE_AFTER_INIT;
    uint64_t size IMMUTABLE_AFTER_INIT; /* bytes; a multiple of a sector */
};

NODISCARD int disk_open(const char *path, bool read_only, struct disk **out, struct error *err);
void disk_close(struct disk *d);

/* Whether [offset, offset + len) lies within it, whatever they are. */
bool disk_contains(const struct disk *d, uint64_t offset, uint64_t len);

/* All of it, or a negative errno. The vector is used up. */
NODISCARD int disk_read(struct disk *d, uint64_t offset, struct iovec *iov, int count);
NODISCARD int disk_write(struct disk *d, uint64_t offset, struct iovec *iov, int count);
NODISCARD int disk_flush(struct disk *d);
/* Reads as zeros from then on; the space is given back if `punch` and possible. */
NODISCARD int disk_zero(struct disk *d, uint64_t offset, uint64_t len, bool punch);

#endif
