#include "devices/disks.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hw/drive.h"

static struct file {
    const char *drive; /* more of the -drive option; NULL: the firmware */
    unsigned size;
    bool flash;
    int fd;
    char path[32];
} files[] = {
    {.drive = NULL, .size = 64 << 10},
    {.drive = ",if=ide,index=0", .size = 160 << 10},
    {.drive = ",if=ide,index=2,media=cdrom", .size = 64 << 10},
    {.drive = ",if=ide,index=3,readonly=on", .size = 32 << 10},
    {.drive = ",if=virtio,serial=fuzz", .size = 64 << 10},
    {.drive = ",if=virtio,readonly=on", .size = 16 << 10},
    {.drive = ",if=pflash,unit=0", .size = 128 << 10, .flash = true},
    {.drive = ",if=pflash,unit=1,readonly=on", .size = 16 << 10, .flash = true},
};
#define FILES (sizeof(files) / sizeof(files[0]))

static void file_make(struct file *f)
{
    f->fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (f->fd < 0) {
        fuzz_fail("memfd_create", "failed");
    }
    (void)snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
}

void fuzz_disks_fill(void)
{
    static uint8_t contents[160 << 10];

    if (!contents[0]) {
        for (size_t i = 0; i < sizeof(contents); i++) {
            contents[i] = (uint8_t)(i / 512 + 1);
        }
    }
    for (size_t i = 0; i < FILES; i++) {
        if (!files[i].path[0]) {
            file_make(&files[i]);
        }
        if (pwrite(files[i].fd, contents, files[i].size, 0) != (ssize_t)files[i].size) {
            fuzz_fail("pwrite", "failed");
        }
    }
}

const char *fuzz_firmware_path(void)
{
    return files[0].path;
}

void fuzz_disks_add(bool flash)
{
    for (size_t i = 1; i < FILES; i++) {
        struct error err = {""};
        char text[128];

        if (files[i].flash && !flash) {
            continue;
        }
        (void)snprintf(text, sizeof(text), "file=%s,format=raw%s", files[i].path, files[i].drive);
        if (drive_add(text, &err) < 0) {
            fuzz_fail(text, err.text);
        }
    }
}
