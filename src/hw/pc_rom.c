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

static const char *const firmware_dirs[] = {"/usr/share/seabios", "/usr/share/qemu",
                                            "/usr/share/ovmf"};
#define DEFAULT_FIRMWARE "bios-256k.bin"

/* A NULL directory: the name as it is. */
static bool is_in(const char *dir, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s%s%s", dir ? dir : "", dir ? "/" : "", name);
    return n > 0 && (size_t)n < size && access(path, F_OK) == 0;
}

/* A name as it is, or as a file of the directories of -L, or of those that Debian's packages
 * use. */
static int find_firmware(const struct machine_config *c, char *path, size_t size, struct error *err)
{
    const char *name = c->bios ? c->bios : DEFAULT_FIRMWARE;
    if (is_in(NULL, name, path, size)) {
        return 0;
    }
    for (size_t i = 0; i < c->data_dir_count; i++) {
        if (is_in(c->data_dir[i], name, path, size)) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof(firmware_dirs) / sizeof(firmware_dirs[0]); i++) {
        if (!strchr(name, '/') && is_in(firmware_dirs[i], name, path, size)) {
            return 0;
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
    char path[512];
    uint8_t *data;
    size_t len;
    int rc = find_firmware(&pc->machine->config, path, sizeof(path), err);
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
