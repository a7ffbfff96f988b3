/* The PC: all of its parts, in the order in which they need each other. */
#include "hw/pc.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/acpi_pm.h"
#include "hw/boot_direct.h"
#include "hw/pc_internal.h"
#include "hw/pflash.h"

#define LOW_RAM_MAX 0xc0000000UL
#define HIGH_RAM_AT (1UL << 32)
/* On q35 configuration space takes the last 256 MiB of that; what has more RAM than the
 * rest gets a hole of 2 GiB. */
#define Q35_LOW_RAM_MAX 0xb0000000UL
#define Q35_LOW_RAM     0x80000000UL

/* For the hooks of machine_run, which get the machine only. */
static struct pc *the_pc IMMUTABLE_AFTER_INIT;

static uint64_t low_ram_of(const struct machine_config *c)
{
    if (c->type == MACHINE_Q35) {
        return c->ram_size < Q35_LOW_RAM_MAX ? c->ram_size : Q35_LOW_RAM;
    }
    return c->ram_size < LOW_RAM_MAX ? c->ram_size : LOW_RAM_MAX;
}

int pc_make_memory(struct pc *pc, struct error *err)
{
    struct machine *m = pc->machine;
    uint64_t size = m->config.ram_size;
    m->low_ram = low_ram_of(&m->config);
    m->high_ram = size - m->low_ram;
    memory_region_init(&m->memory, "memory", UINT64_MAX);
    memory_region_init(&m->io, "io", 0x10000);
    int rc = memory_region_init_ram(&m->ram, "ram", size, err);
    if (rc) {
        return rc;
    }
    memory_region_init_alias(&pc->low_ram, "ram-below-4g", &m->ram, 0, m->low_ram);
    memory_region_add(&m->memory, 0, &pc->low_ram, 0);
    if (m->high_ram) {
        memory_region_init_alias(&pc->high_ram, "ram-above-4g", &m->ram, m->low_ram, m->high_ram);
        memory_region_add(&m->memory, HIGH_RAM_AT, &pc->high_ram, 0);
    }
    rc = address_space_new(&m->memory_as, "memory", &m->memory, err);
    return rc ? rc : address_space_new(&m->io_as, "io", &m->io, err);
}

int pc_new(struct machine *m, const struct pc_lines *lines, struct pc **out, struct error *err)
{
    struct pc *pc = calloc(1, sizeof(*pc));
    if (!pc) {
        return error_set(err, ENOMEM, "machine: out of memory");
    }
    pc->machine = m;
    the_pc = pc;
    int rc = pc_make_memory(pc, err);
    if (rc == 0) {
        rc = pc_make_interrupts(pc, err);
    }
    if (rc == 0) {
        rc = pc_make_devices(pc, lines, err);
    }
    if (rc == 0) {
        rc = pc_make_cpus(pc, err);
    }
    if (rc == 0) {
        rc = pc_make_boot(pc, err);
    }
    if (rc) {
        pc_free(pc);
        return rc;
    }
    *out = pc;
    return 0;
}

static void boot(struct machine *m)
{
    (void)m;
    bql_assert_locked();
    pc_boot(the_pc);
}

static void power_button(struct machine *m)
{
    (void)m;
    bql_assert_locked();
    acpi_pm_power_button(the_pc->acpi);
}

const struct machine_hooks pc_hooks = {.boot = boot, .power_button = power_button};

static void destroy_if_made(struct memory_region *mr) REQUIRES(bql)
{
    if (mr->name) {
        memory_region_destroy(mr);
    }
}

static void free_firmware(struct pc *pc) REQUIRES(bql)
{
    destroy_if_made(&pc->firmware_low);
    destroy_if_made(&pc->firmware);
    for (unsigned n = 0; n < PC_FLASHES; n++) {
        if (pc->flash[n]) {
            pflash_free(pc->flash[n]);
        }
    }
}

void pc_free(struct pc *pc)
{
    struct machine *m = pc->machine;
    pc_free_cpus(pc);
    free_firmware(pc);
    pc_free_devices(pc);
    boot_direct_free(pc->direct);
    destroy_if_made(&pc->high_ram);
    destroy_if_made(&pc->low_ram);
    if (m->io_as) {
        address_space_free(m->io_as);
    }
    if (m->memory_as) {
        address_space_free(m->memory_as);
    }
    destroy_if_made(&m->ram);
    free(pc);
}
