/* What the PC starts with: a kernel, placed directly, or firmware. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exclusive.h"
#include "hw/boot_direct.h"
#include "hw/pc_internal.h"
#include "hw/pci.h"
#include "x86sys/machine.h"

/* Direct boot: our own tables take the place of the firmware's. */
static int make_tables(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct acpi_image *image = malloc(sizeof(*image));
    if (!image) {
        return error_set(err, ENOMEM, "ACPI tables: out of memory");
    }
    struct acpi_platform platform = pc_acpi_platform(pc, true);
    int rc = acpi_build(image, pc->machine, &platform, err);
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

int pc_make_boot(struct pc *pc, struct error *err)
{
    struct machine *m = pc->machine;
    int rc = pc_fill_fw_cfg(pc, err);
    if (rc) {
        return rc;
    }
    rc = pc_make_flash(pc, err);
    if (rc) {
        return rc;
    }
    if (m->config.bios && pc->flash[0]) {
        return error_set(err, EINVAL, "-bios and -drive if=pflash: give one of the two");
    }
    if (m->config.kernel && (m->config.bios || pc->flash[0])) {
        return error_set(err, EINVAL,
                         "-kernel and %s: firmware cannot start a kernel given by -kernel here, "
                         "use one of the two",
                         m->config.bios ? "-bios" : "-drive if=pflash");
    }
    if (!m->config.kernel) {
        return pc->flash[0] ? 0 : pc_load_firmware(pc, err);
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
    pc_set_up_chipset(pc);
    boot_direct_place(pc->direct, pc->machine, &state);
    if (run_on_cpu_bql(pc->machine->cpus[0], set_boot_state, &state)) {
        abort(); /* it can fail for want of memory only, and what waits needs none */
    }
}
