/* The PC: makes memory, chipset, devices and vCPUs, and boots them.
 *
 * ISA interrupt n goes to input n of the 8259 pair and of the I/O APIC, except
 * that the timer's, 0, is the I/O APIC's 2 (ACPI's MADT says so). */
#include "hw/pc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/exclusive.h"
#include "exec/vcpu.h"
#include "hw/acpi_pm.h"
#include "hw/acpi_tables.h"
#include "hw/boot_direct.h"
#include "hw/i8254.h"
#include "hw/i8259.h"
#include "hw/ioapic.h"
#include "hw/lapic.h"
#include "hw/port92.h"
#include "hw/rtc.h"
#include "hw/serial.h"
#include "x86sys/machine.h"

#define IOAPIC_AT   0xfec00000
#define LOW_RAM_MAX 0xc0000000UL
#define HIGH_RAM_AT (1UL << 32)
#define ISA_TIMER   0
#define ISA_RTC     8
#define ISA_SCI     9
#define GPE_BYTES   4
#define MIB         (1UL << 20)

static const uint16_t serial_ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static const unsigned serial_irqs[] = {4, 3, 4, 3};
static const struct acpi_ports acpi_ports = {.pm_base = 0x600,
                                             .gpe_base = 0xafe0,
                                             .smi_cmd = 0xb2,
                                             .acpi_enable = ACPI_PM_ENABLE,
                                             .acpi_disable = ACPI_PM_DISABLE};

struct pc {
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct memory_region low_ram, high_ram, tables;
    struct i8259 *pic IMMUTABLE_AFTER_INIT;
    struct ioapic *ioapic IMMUTABLE_AFTER_INIT;
    struct lapic_set *lapics IMMUTABLE_AFTER_INIT;
    struct i8254 *pit IMMUTABLE_AFTER_INIT;
    struct rtc *rtc IMMUTABLE_AFTER_INIT;
    struct acpi_pm *pm IMMUTABLE_AFTER_INIT;
    struct serial *serial[4] IMMUTABLE_AFTER_INIT;
    struct boot_direct *direct IMMUTABLE_AFTER_INIT;
};

static void set_isa_irq(void *opaque, unsigned n, bool level)
{
    const struct pc *pc = opaque;
    i8259_set_irq(pc->pic, n, level);
    ioapic_set_irq(pc->ioapic, n == ISA_TIMER ? 2 : n, level);
}

static int make_memory(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    uint64_t size = m->config.ram_size;
    m->low_ram = size < LOW_RAM_MAX ? size : LOW_RAM_MAX;
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

static int make_interrupts(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    int rc = lapic_set_new(&m->memory, m->config.cpus, &pc->lapics, err);
    if (rc == 0) {
        struct irq intr = {.set = lapic_set_intr, .opaque = pc->lapics};
        rc = i8259_new(&m->io, intr, &pc->pic, err);
    }
    if (rc == 0) {
        rc = ioapic_new(&m->memory, IOAPIC_AT, pc->lapics, &pc->ioapic, err);
    }
    if (rc) {
        return rc;
    }
    lapic_set_pic(pc->lapics, pc->pic);
    for (unsigned n = 0; n < 16; n++) {
        m->isa_irq[n] = (struct irq){.set = set_isa_irq, .opaque = pc, .n = n};
    }
    return 0;
}

static int make_serial(struct pc *pc, const struct pc_lines *lines, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    for (unsigned n = 0; n < 4; n++) {
        if (!lines->serial[n]) {
            continue;
        }
        int rc = serial_new(&m->io, serial_ports[n], m->isa_irq[serial_irqs[n]], lines->serial[n],
                            &pc->serial[n], err);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static void set_cmos16(struct rtc *rtc, uint8_t index, uint64_t value) REQUIRES(bql)
{
    uint64_t v = value < 0xffff ? value : 0xffff;
    rtc_set_cmos(rtc, index, (uint8_t)v);
    rtc_set_cmos(rtc, index + 1, (uint8_t)(v >> 8));
}

/* What firmware reads of memory and CPUs. */
static void fill_cmos(struct rtc *rtc, const struct machine *m) REQUIRES(bql)
{
    uint64_t above_1m = m->low_ram > MIB ? (m->low_ram - MIB) / 1024 : 0;
    set_cmos16(rtc, 0x15, 640);
    set_cmos16(rtc, 0x17, above_1m);
    set_cmos16(rtc, 0x30, above_1m);
    set_cmos16(rtc, 0x34, m->low_ram > 16 * MIB ? (m->low_ram - 16 * MIB) >> 16 : 0);
    set_cmos16(rtc, 0x5b, m->high_ram >> 16 & 0xffff);
    rtc_set_cmos(rtc, 0x5d, (uint8_t)(m->high_ram >> 32));
    rtc_set_cmos(rtc, 0x5f, (uint8_t)(m->config.cpus - 1));
}

static int64_t time_at_start(const struct machine_config *c)
{
    struct tm tm;
    time_t now = time(NULL);
    if (c->rtc_base) {
        return c->rtc_base;
    }
    return c->rtc_localtime && localtime_r(&now, &tm) ? now + tm.tm_gmtoff : now;
}

static int make_power(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    struct acpi_pm_config config = {.sci = m->isa_irq[ISA_SCI], .gpe_bytes = GPE_BYTES};
    int rc = port92_new(m, err);
    if (rc == 0) {
        rc = acpi_pm_new(m, &config, &pc->pm, err);
    }
    if (rc == 0) {
        acpi_pm_map(pc->pm, true, acpi_ports.pm_base);
        acpi_pm_map_gpe(pc->pm, true, acpi_ports.gpe_base);
    }
    return rc;
}

static int make_devices(struct pc *pc, const struct pc_lines *lines, struct error *err)
    REQUIRES(bql)
{
    struct machine *m = pc->machine;
    int rc = i8254_new(&m->io, m->isa_irq[ISA_TIMER], &pc->pit, err);
    if (rc == 0) {
        rc = rtc_new(&m->io, m->isa_irq[ISA_RTC], time_at_start(&m->config), &pc->rtc, err);
    }
    if (rc == 0) {
        fill_cmos(pc->rtc, m);
        rc = make_power(pc, err);
    }
    return rc ? rc : make_serial(pc, lines, err);
}

/* In the order in which interrupts travel, last receiver first. */
static int register_resets(const struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    const struct {
        void (*fn)(void *opaque);
        void *opaque;
    } all[] = {
        {i8259_reset, pc->pic},        {ioapic_reset, pc->ioapic},    {i8254_reset, pc->pit},
        {rtc_reset, pc->rtc},          {acpi_pm_reset, pc->pm},       {serial_reset, pc->serial[0]},
        {serial_reset, pc->serial[1]}, {serial_reset, pc->serial[2]}, {serial_reset, pc->serial[3]},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].opaque && machine_on_reset(m, all[i].fn, all[i].opaque)) {
            return error_set(err, ENOMEM, "machine: out of memory");
        }
    }
    return 0;
}

/* A triple fault resets a PC. */
static void on_shutdown(struct cpu *cpu)
{
    (void)cpu;
    machine_request(NULL, MACHINE_RESET, 0);
}

static enum vcpu_exit run_vcpu(struct cpu *cpu)
{
    switch (sys_cpu_exec(cpu)) {
    case SYS_EXIT_HALTED:
        return VCPU_HALTED;
    case SYS_EXIT_SHUTDOWN:
        return VCPU_SHUTDOWN;
    case SYS_EXIT_REQUEST:
    default:
        return VCPU_REQUEST;
    }
}

static const struct vcpu_ops vcpu_ops = {
    .attach = sys_cpu_attach,
    .exec = run_vcpu,
    .has_work = sys_cpu_has_work,
    .reset = sys_cpu_reset,
};

static int make_cpu(struct pc *pc, unsigned n, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    struct lapic *lapic;
    int rc = lapic_new(pc->lapics, n, n == 0, &lapic, err);
    if (rc) {
        return rc;
    }
    struct sys_cpu_config config = {.model = m->config.cpu_model,
                                    .apic_id = n,
                                    .bsp = n == 0,
                                    .cores = m->config.cores,
                                    .threads = m->config.threads,
                                    .sockets = m->config.sockets,
                                    .memory = m->memory_as,
                                    .smram = m->smram_as,
                                    .io = m->io_as,
                                    .apic = lapic,
                                    .apic_ops = &lapic_ops};
    rc = sys_cpu_new(&config, &m->cpus[n], err);
    if (rc) {
        return rc;
    }
    lapic_attach(lapic, m->cpus[n]);
    return vcpu_add(m->cpus[n], err);
}

static int make_cpus(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    vcpu_init(&vcpu_ops, on_shutdown);
    m->cpus = calloc(m->config.cpus, sizeof(struct cpu *));
    if (!m->cpus) {
        return error_set(err, ENOMEM, "vCPUs: out of memory");
    }
    for (unsigned n = 0; n < m->config.cpus; n++) {
        int rc = make_cpu(pc, n, err);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

/* Direct boot: our own tables take the place of the firmware's. */
static int make_tables(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct acpi_image *image = malloc(sizeof(*image));
    if (!image) {
        return error_set(err, ENOMEM, "ACPI tables: out of memory");
    }
    int rc = acpi_build(image, pc->machine, &acpi_ports, err);
    if (rc == 0) {
        rc = memory_region_init_rom(&pc->tables, "acpi", ACPI_ROM_SIZE, err);
    }
    if (rc == 0) {
        acpi_relocate(image, ACPI_ROM_AT);
        memcpy(memory_region_host(&pc->tables), image->data, image->len);
        memory_region_add(&pc->machine->memory, ACPI_ROM_AT, &pc->tables, 1);
    }
    free(image);
    return rc;
}

static int prepare_boot(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    if (!m->config.kernel) {
        return error_set(err, EINVAL, "nothing to boot: -kernel FILE expected");
    }
    int rc = boot_direct_new(m, &pc->direct, err);
    return rc || !m->config.acpi ? rc : make_tables(pc, err);
}

static struct pc *the_pc IMMUTABLE_AFTER_INIT;

int pc_new(struct machine *m, const struct pc_lines *lines, struct pc **out, struct error *err)
{
    struct pc *pc = calloc(1, sizeof(*pc));
    if (!pc) {
        return error_set(err, ENOMEM, "machine: out of memory");
    }
    pc->machine = m;
    the_pc = pc;
    *out = pc;
    int rc = make_memory(pc, err);
    if (rc == 0) {
        rc = make_interrupts(pc, err);
    }
    if (rc == 0) {
        rc = make_devices(pc, lines, err);
    }
    if (rc == 0) {
        rc = register_resets(pc, err);
    }
    if (rc == 0) {
        rc = make_cpus(pc, err);
    }
    if (rc == 0) {
        rc = prepare_boot(pc, err);
    }
    if (rc) {
        pc_free(pc);
    }
    return rc;
}

static void set_boot_state(struct cpu *cpu, void *opaque)
{
    sys_cpu_set_boot_state(cpu, opaque);
}

static void boot(struct machine *m)
{
    struct sys_boot_state state;
    bql_assert_locked();
    if (the_pc->direct) {
        boot_direct_place(the_pc->direct, m, &state);
        if (run_on_cpu_bql(m->cpus[0], set_boot_state, &state)) {
            abort(); /* it has no memory for work: none of ours is allocated there */
        }
    }
}

static void power_button(struct machine *m)
{
    (void)m;
    bql_assert_locked();
    acpi_pm_power_button(the_pc->pm);
}

const struct machine_hooks pc_hooks = {.boot = boot, .power_button = power_button};

void pc_free(struct pc *pc)
{
    struct machine *m = pc->machine;
    for (unsigned n = 0; n < m->config.cpus && m->cpus; n++) {
        if (m->cpus[n]) {
            sys_cpu_free(m->cpus[n]);
        }
    }
    free(m->cpus);
    m->cpus = NULL;
    boot_direct_free(pc->direct);
    for (unsigned n = 0; n < 4; n++) {
        serial_free(pc->serial[n]);
    }
    if (pc->pm) {
        acpi_pm_free(pc->pm);
    }
    if (pc->rtc) {
        rtc_free(pc->rtc);
    }
    if (pc->pit) {
        i8254_free(pc->pit);
    }
    free(pc);
}
