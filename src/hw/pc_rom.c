/* Firmware as ROM: -bios FILE, or what Debian has. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/file.h"
#include "hw/pc_internal.h"
#include "hw/pci.h"

#define FIRMWARE_MAX  (16UL << 20)
#define FIRMWARE_END  (1UL << 32)
#define LOW_PART_MAX  (128UL << 10)
#define LOW_PART_END  (1UL << 20)
#define FIRMWARE_UNIT 4096UL

static const char *const firmware_dirs[] = {"", "/usr/share/seabios/", "/usr/share/qemu/",
                                            "/usr/share/ovmf/"};
#define DEFAULT_FIRMWARE "bios-256k.bin"

/* A name as it is, or as a file of the directories that Debian's packages use. */
static int find_firmware(const char *name, char *path, size_t size, struct error *err)
{
    for (size_t i = 0; i < sizeof(firmware_dirs) / sizeof(firmware_dirs[0]); i++) {
        int n = snprintf(path, size, "%s%s", firmware_dirs[i], name);
        if (n > 0 && (size_t)n < size && access(path, F_OK) == 0) {
            return 0;
        }
        if (strchr(name, '/')) {
            break;
        }
    }
    return strcmp(name, DEFAULT_FIRMWARE) == 0
               ? error_set(err, ENOENT,
                           "no firmware: install the package seabios, or give -bios "
                           "FILE or -kernel FILE")
               : error_set(err, ENOENT, "firmware %s: no such file", name);
}

void pc_map_low_firmware(struct pc *pc, struct memory_region *top, uint64_t size)
{
    uint64_t low = size < LOW_PART_MAX ? size : LOW_PART_MAX;
    memory_region_init_alias(&pc->firmware_low, "firmware-low", top, size - low, low);
    memory_region_add(&pc->machine->pci->memory, LOW_PART_END - low, &pc->firmware_low, 0);
}

static int map_firmware(struct pc *pc, const uint8_t *data, size_t len, struct error *err)
    REQUIRES(bql)
{
    int rc = memory_region_init_rom(&pc->firmware, "firmware", len, err);
    if (rc) {
        return rc;
    }
    memcpy(memory_region_host(&pc->firmware), data, len);
    memory_region_add(&pc->machine->pci->memory, FIRMWARE_END - len, &pc->firmware, 0);
    pc_map_low_firmware(pc, &pc->firmware, len);
    return 0;
}

int pc_load_firmware(struct pc *pc, struct error *err)
{
    const char *name = pc->machine->config.bios ? pc->machine->config.bios : DEFAULT_FIRMWARE;
    char path[512];
    uint8_t *data;
    size_t len;
    int rc = find_firmware(name, path, sizeof(path), err);
    if (rc == 0) {
        rc = file_read("firmware", path, FIRMWARE_MAX, &data, &len, err);
    }
    if (rc) {
        return rc;
    }
    rc = len % FIRMWARE_UNIT
             ? error_set(err, EINVAL, "firmware %s: %zu bytes are not whole pages", path, len)
             : map_firmware(pc, data, len, err);
    free(data);
    return rc;
}
