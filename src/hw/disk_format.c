/* Signatures of image formats. Only what stands at a fixed place and is long enough not to be
 * there by chance counts, so that a disk with a partition table or a file system is raw. */
#include "hw/disk_format.h"

#include <errno.h>
#include <string.h>

static const struct signature {
    const char *format;
    size_t at;
    const char *bytes;
    size_t len;
} signatures[] = {
    {"qcow", 0, "QFI\xfb\0\0\0\1", 8},
    {"qcow2", 0, "QFI\xfb", 4},
    {"qed", 0, "QED\0", 4},
    {"vmdk", 0, "KDMV", 4},
    {"vmdk", 0, "COWD", 4},
    {"vmdk", 0, "# Disk DescriptorFile", 21},
    {"vpc", 0, "conectix", 8},
    {"vhdx", 0, "vhdxfile", 8},
    {"vdi", 64, "\x7f\x10\xda\xbe", 4}, /* in either order of its bytes */
    {"vdi", 64, "\xbe\xda\x10\x7f", 4},
    {"parallels", 0, "WithoutFreeSpace", 16},
    {"parallels", 0, "WithouFreSpacExt", 16},
    {"luks", 0, "LUKS\xba\xbe", 6},
};

const char *disk_format_name(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        const struct signature *s = &signatures[i];

        if (s->at + s->len <= len && memcmp(bytes + s->at, s->bytes, s->len) == 0) {
            return s->format;
        }
    }
    return NULL;
}

int disk_format_check_raw(struct disk *d, const char *path, struct error *err)
{
    uint8_t bytes[DISK_FORMAT_BYTES];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    int ret = disk_read(d, 0, &iov, 1); /* what the file does not have reads as zeros */
    const char *format;

    if (ret < 0) {
        return error_set(err, -ret, "cannot read disk \"%s\": %s", path, error_text(-ret));
    }
    format = disk_format_name(bytes, sizeof(bytes));
    return format ? error_set(err, ENOTSUP,
                              "disk \"%s\" is a %s image, and only raw ones are read (format=raw "
                              "if its bytes are to be the disk's as they are)",
                              path, format)
                  : 0;
}
