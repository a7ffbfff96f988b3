/* What the PC starts with: a kernel, placed directly, or firmware. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/exclusive.h"
#include "hw/boot_direct.h"
#include "hw/file.h"
#include "hw/pc_internal.h"
#include "hw/pci.h"
#include "hw/piix3.h"
#include "x86sys/machine.h"

#define FIRMWARE_MAX  (16UL << 20)
#define FIRMWARE_END  (1UL << 32)
#define LOW_PART_MAX  (128UL << 10)
#define LOW_PART_END  (1UL << 20)
#define FIRMWARE_UNIT 4096UL

static const char *const firmware_dirs[] = {"", "/usr/share/seabios/", "/usr/share/qemu/",
                                            "/usr/share/ovmf/"};
#define DEFAULT_FIRMWARE "bios-256k.bin"

/* Direct boot: our own tables take the place of the firmware's. */
static int make_tables(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct acpi_image *image = malloc(sizeof(*image));
    if (!image) {
        return error_set(err, ENOMEM, "ACPI tables: out of memory");
    }
    int rc = acpi_build(image, pc->machine, &pc_acpi_ports, err);
    if (rc == 0) {
        rc = memory_region_init_rom(&pc->firmware, "acpi", ACPI_ROM_SIZE, err);
    }
    if (rc == 0) {
        acpi_relocate(image, ACPI_ROM_AT);
        memcpy(memory_region_host(&pc->firmware), image->data, image->len);
        memory_region_add(&pc->machine->pci->memory, ACPI_ROM_AT, &pc->firmware, 0);
    }
    free(image);
    return rc;
}

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

/* Ends at 4 GiB; its last 128 KiB are at the end of the first MiB too. */
static int map_firmware(struct pc *pc, const uint8_t *data, size_t len, struct error *err)
    REQUIRES(bql)
{
    struct memory_region *pci = &pc->machine->pci->memory;
    uint64_t low = len < LOW_PART_MAX ? len : LOW_PART_MAX;
    int rc = memory_region_init_rom(&pc->firmware, "firmware", len, err);
    if (rc) {
        return rc;
    }
    memcpy(memory_region_host(&pc->firmware), data, len);
    memory_region_add(pci, FIRMWARE_END - len, &pc->firmware, 0);
    memory_region_init_alias(&pc->firmware_low, "firmware-low", &pc->firmware, len - low, low);
    memory_region_add(pci, LOW_PART_END - low, &pc->firmware_low, 0);
    return 0;
}

static int load_firmware(struct pc *pc, struct error *err) REQUIRES(bql)
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

int pc_make_boot(struct pc *pc, struct error *err)
{
    struct machine *m = pc->machine;
    int rc = pc_fill_fw_cfg(pc, err);
    if (rc) {
        return rc;
    }
    if (!m->config.kernel || m->config.bios) {
        return m->config.kernel ? error_set(err, EINVAL,
                                            "-kernel and -bios: firmware cannot start a kernel "
                                            "given by -kernel here, use one of the two")
                                : load_firmware(pc, err);
    }
    rc = boot_direct_new(m, &pc->direct, err);
    return rc || !m->config.acpi ? rc : make_tables(pc, err);
}

static void set_boot_state(struct cpu *cpu, void *opaque)
{
    sys_cpu_set_boot_state(cpu, opaque);
}

void pc_boot(struct pc *pc)
{
    struct sys_boot_state state;
    if (!pc->direct) {
        return;
    }
    piix3_set_up(pc->south, pc_acpi_ports.pm_base);
    boot_direct_place(pc->direct, pc->machine, &state);
    if (run_on_cpu_bql(pc->machine->cpus[0], set_boot_state, &state)) {
        abort(); /* it can fail for want of memory only, and what waits needs none */
    }
}
