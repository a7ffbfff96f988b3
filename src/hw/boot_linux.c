/* What a bzImage says of itself. Every number comes from the file and is checked
 * before it is believed. */
#include "hw/boot_linux.h"

#include <errno.h>
#include <string.h>

#define SECTOR           512
#define VERSION_MIN      0x204
#define LOADED_HIGH      1
#define XLF_KERNEL_64    1
#define DEFAULT_LOAD     0x100000
#define INIT_SIZE_MAX    (1UL << 30)
#define OLD_CMDLINE_MAX  255
#define OLD_INITRD_MAX   0x37ffffff
#define CMDLINE_SANE_MAX 65535

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static int parse_sizes(const uint8_t *file, size_t len, const char *path,
                       struct boot_linux_image *out, struct error *err)
{
    unsigned sectors = file[0x1f1] ? file[0x1f1] : 4;
    out->setup_size = (sectors + 1UL) * SECTOR;
    if (out->setup_size >= len) {
        return error_set(err, ENOEXEC, "kernel %s: cut off: %zu bytes, of which setup has %zu",
                         path, len, out->setup_size);
    }
    out->kernel_size = len - out->setup_size;
    uint64_t claimed = (uint64_t)get32(file + 0x1f4) * 16;
    if (claimed > out->kernel_size + 15) {
        return error_set(err, ENOEXEC,
                         "kernel %s: cut off: %llu bytes expected behind setup, %zu are there",
                         path, (unsigned long long)claimed, out->kernel_size);
    }
    out->header_size = 0x202UL + file[0x201] - BOOT_LINUX_HEADER_AT;
    if (out->header_size > BOOT_LINUX_HEADER_END - BOOT_LINUX_HEADER_AT) {
        out->header_size = BOOT_LINUX_HEADER_END - BOOT_LINUX_HEADER_AT;
    }
    return 0;
}

int boot_linux_parse(const uint8_t *file, size_t len, const char *path,
                     struct boot_linux_image *out, struct error *err)
{
    if (len < 2UL * SECTOR || get16(file + 0x1fe) != 0xaa55 ||
        memcmp(file + 0x202, "HdrS", 4) != 0) {
        return error_set(err, ENOEXEC, "kernel %s: not a bzImage", path);
    }
    *out = (struct boot_linux_image){.version = get16(file + 0x206)};
    if (out->version < VERSION_MIN || !(file[0x211] & LOADED_HIGH)) {
        return error_set(err, ENOEXEC, "kernel %s: boot protocol %u.%02u is too old", path,
                         out->version >> 8, out->version & 0xff);
    }
    int rc = parse_sizes(file, len, path, out, err);
    if (rc) {
        return rc;
    }
    out->load_at = DEFAULT_LOAD;
    out->init_size = out->kernel_size;
    out->cmdline_max = out->version >= 0x206 ? get32(file + 0x238) : OLD_CMDLINE_MAX;
    out->initrd_max = get32(file + 0x22c);
    if (out->initrd_max == 0) {
        out->initrd_max = OLD_INITRD_MAX;
    }
    if (out->version >= 0x20a) {
        out->load_at = get64(file + 0x258);
        out->init_size = get32(file + 0x260);
    }
    out->long_mode = out->version >= 0x20c && (get16(file + 0x236) & XLF_KERNEL_64);
    if (out->cmdline_max > CMDLINE_SANE_MAX) {
        out->cmdline_max = CMDLINE_SANE_MAX;
    }
    if (out->load_at < DEFAULT_LOAD || out->load_at > UINT32_MAX || (out->load_at & 0xfff)) {
        return error_set(err, ENOEXEC, "kernel %s: cannot be loaded at 0x%llx", path,
                         (unsigned long long)out->load_at);
    }
    if (out->init_size < out->kernel_size) {
        out->init_size = out->kernel_size;
    }
    if (out->init_size > INIT_SIZE_MAX) {
        return error_set(err, ENOEXEC, "kernel %s: wants 0x%llx bytes of memory", path,
                         (unsigned long long)out->init_size);
    }
    return 0;
}
