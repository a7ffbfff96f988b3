/* The devices that every PC has, and how they are wired.
 *
 * ISA interrupt n goes to input n of the 8259 pair and of the I/O APIC, except
 * that the timer's, 0, is the I/O APIC's 2 (ACPI's MADT says so). */
#include <errno.h>
#include <time.h>

#include "hw/debugcon.h"
#include "hw/fw_cfg.h"
#include "hw/hpet.h"
#include "hw/i440fx.h"
#include "hw/i8042.h"
#include "hw/i8254.h"
#include "hw/i8259.h"
#include "hw/ioapic.h"
#include "hw/lapic.h"
#include "hw/pc_internal.h"
#include "hw/port92.h"
#include "hw/q35.h"
#include "hw/rtc.h"
#include "hw/serial.h"

#define IOAPIC_AT 0xfec00000
#define ISA_TIMER 0
#define ISA_RTC   8
#define MIB       (1UL << 20)

static const uint16_t serial_ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
static const unsigned serial_irqs[] = {4, 3};

static void set_isa_irq(void *opaque, unsigned n, bool level)
{
    const struct pc *pc = opaque;
    i8259_set_irq(pc->pic, n, level);
    ioapic_set_irq(pc->ioapic, n == ISA_TIMER ? 2 : n, level);
}

static void tick_isa_irq(void *opaque, unsigned n, unsigned count)
{
    const struct pc *pc = opaque;
    i8259_tick(pc->pic, n, count);
    ioapic_tick(pc->ioapic, n == ISA_TIMER ? 2 : n, count);
}

int pc_make_interrupts(struct pc *pc, struct error *err)
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
        m->isa_irq[n] =
            (struct irq){.set = set_isa_irq, .tick = tick_isa_irq, .opaque = pc, .n = n};
    }
    return 0;
}

static void send_message(void *opaque, uint64_t addr, uint32_t data, unsigned ticks)
{
    lapic_set_msi_tick(opaque, addr, data, ticks);
}

/* The HPET shares the I/O APIC's pins with the PCI bus, and has their second lines. */
static int make_hpet(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    struct hpet_lines lines = {.send = send_message, .send_opaque = pc->lapics};
    for (unsigned n = 0; n < HPET_GSIS; n++) {
        lines.gsi[n] = (struct irq){.set = ioapic_set_irq,
                                    .tick = ioapic_tick,
                                    .opaque = pc->ioapic,
                                    .n = n + IOAPIC_SECOND};
    }
    lines.gsi[0] = m->isa_irq[ISA_TIMER];
    lines.gsi[ISA_RTC] = m->isa_irq[ISA_RTC];
    return hpet_new(&m->memory, &lines, &pc->hpet, err);
}

static int64_t time_at_start(const struct machine_config *c)
{
    struct tm tm;
    time_t now = time(NULL);
    if (c->rtc_has_base) {
        return c->rtc_base;
    }
    return c->rtc_localtime && localtime_r(&now, &tm) ? now + tm.tm_gmtoff : now;
}

static int make_timers(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    struct irq pit = m->isa_irq[ISA_TIMER], rtc = m->isa_irq[ISA_RTC];
    int rc = 0;
    if (m->config.hpet) {
        rc = make_hpet(pc, err);
        if (rc) {
            return rc;
        }
        pit = hpet_pit_line(pc->hpet);
        rtc = hpet_rtc_line(pc->hpet);
    }
    rc = i8254_new(&m->io, pit, &pc->pit, err);
    return rc ? rc : rtc_new(&m->io, rtc, time_at_start(&m->config), &pc->rtc, err);
}

static void set_cmos16(struct rtc *rtc, uint8_t index, uint64_t value) REQUIRES(bql)
{
    uint64_t v = value < 0xffff ? value : 0xffff;
    rtc_set_cmos(rtc, index, (uint8_t)v);
    rtc_set_cmos(rtc, index + 1, (uint8_t)(v >> 8));
}

/* The n-th device that firmware tries, as it is coded in CMOS memory. */
static unsigned boot_device(const char *order, unsigned n)
{
    unsigned code = 0;
    for (unsigned i = 0; i <= n && order[i]; i++) {
        code = i < n ? 0 : order[i] == 'a' ? 1 : order[i] == 'c' ? 2 : 3;
    }
    return code;
}

static void set_boot_order(struct rtc *rtc, const char *order) REQUIRES(bql)
{
    rtc_set_cmos(rtc, 0x3d, (uint8_t)(boot_device(order, 0) | boot_device(order, 1) << 4));
    rtc_set_cmos(rtc, 0x38, (uint8_t)(boot_device(order, 2) << 4));
}

/* At the first reset; what the guest writes there later stays. */
static void end_boot_once(void *opaque)
{
    struct pc *pc = opaque;
    bql_assert_locked();
    if (pc->boot_once) {
        pc->boot_once = false;
        set_boot_order(pc->rtc, pc->machine->config.boot.order);
    }
}

/* What firmware reads of memory, CPUs and where to boot from. */
static void fill_cmos(struct rtc *rtc, const struct machine *m) REQUIRES(bql)
{
    uint64_t above_1m = m->low_ram > MIB ? (m->low_ram - MIB) / 1024 : 0;
    set_cmos16(rtc, 0x15, 640);
    set_cmos16(rtc, 0x17, above_1m);
    set_cmos16(rtc, 0x30, above_1m);
    set_cmos16(rtc, 0x34, m->low_ram > 16 * MIB ? (m->low_ram - 16 * MIB) >> 16 : 0);
    set_cmos16(rtc, 0x5b, m->high_ram >> 16 & 0xffff);
    rtc_set_cmos(rtc, 0x5d, (uint8_t)(m->high_ram >> 32));
    set_boot_order(rtc, m->config.boot.has_once ? m->config.boot.once : m->config.boot.order);
    rtc_set_cmos(rtc, 0x5f, (uint8_t)(m->config.cpus - 1));
}

static int make_serial(struct pc *pc, const struct pc_lines *lines, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    for (unsigned n = 0; n < 2; n++) {
        pc->serial_irq[n].out = m->isa_irq[serial_irqs[n]];
    }
    for (unsigned n = 0; n < 4; n++) {
        struct irq irq = {.set = irq_or_set, .opaque = &pc->serial_irq[n % 2], .n = n / 2};
        if (!lines->serial[n]) {
            continue;
        }
        int rc = serial_new(&m->io, serial_ports[n], irq, lines->serial[n], &pc->serial[n], err);
        if (rc) {
            return rc;
        }
    }
    return 0;
}

static int make_isa(struct pc *pc, const struct pc_lines *lines, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    int rc = port92_new(m, &pc->port92, err);
    if (rc == 0) {
        rc = i8042_new(m, &pc->keyboard, err);
    }
    if (rc == 0) {
        rc = post_port_new(m, &pc->post, err);
    }
    if (rc == 0) {
        rc = fw_cfg_new(m, err);
    }
    return rc ? rc : make_serial(pc, lines, err);
}

/* Those that interrupts go to come last: what the others do to their lines on the way is no
 * interrupt. */
static int register_resets(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct machine *m = pc->machine;
    const struct {
        void (*fn)(void *opaque);
        void *opaque;
    } all[] = {
        {i440fx_reset, pc->host},      {q35_reset, pc->mch},          {hpet_reset, pc->hpet},
        {i8254_reset, pc->pit},        {rtc_reset, pc->rtc},          {i8042_reset, pc->keyboard},
        {fw_cfg_reset, m->fw_cfg},     {serial_reset, pc->serial[0]}, {serial_reset, pc->serial[1]},
        {serial_reset, pc->serial[2]}, {serial_reset, pc->serial[3]}, {post_port_reset, pc->post},
        {end_boot_once, pc},           {ioapic_reset, pc->ioapic},    {i8259_reset, pc->pic},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].opaque && machine_on_reset(m, all[i].fn, all[i].opaque)) {
            return error_set(err, ENOMEM, "machine: out of memory");
        }
    }
    return 0;
}

int pc_make_devices(struct pc *pc, const struct pc_lines *lines, struct error *err)
{
    int rc = pc_make_chipset(pc, err);
    if (rc == 0) {
        rc = make_timers(pc, err);
    }
    if (rc == 0) {
        fill_cmos(pc->rtc, pc->machine);
        pc->boot_once = pc->machine->config.boot.has_once;
        rc = make_isa(pc, lines, err);
    }
    return rc ? rc : register_resets(pc, err);
}

static void free_ports(struct pc *pc) REQUIRES(bql)
{
    if (pc->port92) {
        port92_free(pc->port92);
    }
    if (pc->post) {
        debugcon_free(pc->post);
    }
}

/* After all that has a line to them. */
static void free_interrupts(struct pc *pc) REQUIRES(bql)
{
    if (pc->ioapic) {
        ioapic_free(pc->ioapic);
    }
    if (pc->pic) {
        i8259_free(pc->pic);
    }
    if (pc->lapics) {
        lapic_set_free(pc->lapics);
    }
}

void pc_free_devices(struct pc *pc)
{
    free_ports(pc);
    for (unsigned n = 0; n < 4; n++) {
        serial_free(pc->serial[n]);
    }
    if (pc->machine->fw_cfg) {
        fw_cfg_free(pc->machine->fw_cfg);
    }
    if (pc->keyboard) {
        i8042_free(pc->keyboard);
    }
    if (pc->rtc) {
        rtc_free(pc->rtc);
    }
    if (pc->pit) {
        i8254_free(pc->pit);
    }
    if (pc->hpet) {
        hpet_free(pc->hpet);
    }
    pc_free_chipset(pc);
    free_interrupts(pc);
}
