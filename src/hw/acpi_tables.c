/* Building of ACPI tables, field by field in the order in which they lie in
 * memory. A table begins with table_begin and ends with table_end, which fills in
 * its length and notes its checksum. */
#include "hw/acpi_tables.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "hw/dsdt_pc_aml.h"
#include "hw/dsdt_q35_aml.h"

#define SCI         9
#define APIC_AT     0xfee00000
#define IOAPIC_AT   0xfec00000
#define HPET_AT     0xfed00000
#define HEADER_SIZE 36
#define ECAM_BUS    (UINT64_C(1) << 20) /* bytes of configuration space of a bus */

static void put(struct acpi_image *i, uint64_t value, unsigned size)
{
    assert(i->len + size <= sizeof(i->data)); /* acpi_build has checked how much there can be */
    for (unsigned n = 0; n < size; n++) {
        i->data[i->len++] = (uint8_t)(value >> 8 * n);
    }
}

static void put_text(struct acpi_image *i, const char *text, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        put(i, (uint8_t)text[k], 1);
    }
}

static void put_zeros(struct acpi_image *i, unsigned n)
{
    while (n-- > 0) {
        put(i, 0, 1);
    }
}

/* A pointer to what lies at offset `target`. */
static void put_pointer(struct acpi_image *i, uint64_t target, unsigned size)
{
    assert(i->fixup_count < ACPI_FIXUPS_MAX);
    i->fixups[i->fixup_count++] = (struct acpi_fixup){.at = (uint32_t)i->len, .size = size};
    put(i, target, size);
}

static void note_sum(struct acpi_image *i, size_t at, size_t start, size_t len)
{
    assert(i->sum_count < ACPI_SUMS_MAX);
    i->sums[i->sum_count++] =
        (struct acpi_sum){.at = (uint32_t)at, .start = (uint32_t)start, .len = (uint32_t)len};
}

static void align(struct acpi_image *i, size_t to)
{
    while (i->len % to) {
        put(i, 0, 1);
    }
}

static size_t table_begin(struct acpi_image *i, const char *signature, uint8_t revision)
{
    align(i, 16);
    size_t start = i->len;
    put_text(i, signature, 4);
    put(i, 0, 4); /* length */
    put(i, revision, 1);
    put(i, 0, 1); /* checksum */
    put_text(i, "MORTIS", 6);
    put_text(i, "MRTSPC  ", 8);
    put(i, 1, 4);
    put_text(i, "MRTS", 4);
    put(i, 1, 4);
    return start;
}

static void table_end(struct acpi_image *i, size_t start)
{
    size_t len = i->len - start;
    for (unsigned n = 0; n < 4; n++) {
        i->data[start + 4 + n] = (uint8_t)(len >> 8 * n);
    }
    note_sum(i, start + 9, start, len);
}

/* Generic address structure of a register block in port space. */
static void put_port(struct acpi_image *i, uint16_t port, uint8_t bits, uint8_t access)
{
    put(i, 1, 1);
    put(i, bits, 1);
    put(i, 0, 1);
    put(i, access, 1);
    put(i, port, 8);
}

static size_t put_facs(struct acpi_image *i)
{
    align(i, 64);
    size_t start = i->len;
    put_text(i, "FACS", 4);
    put(i, 64, 4);
    put_zeros(i, 24);
    put(i, 1, 1);
    put_zeros(i, 31);
    return start;
}

struct dsdt {
    const uint8_t *aml;
    size_t len;
};

static struct dsdt dsdt_of(const struct machine *m)
{
    if (m->config.type == MACHINE_Q35) {
        return (struct dsdt){.aml = dsdt_q35_aml, .len = sizeof(dsdt_q35_aml)};
    }
    return (struct dsdt){.aml = dsdt_pc_aml, .len = sizeof(dsdt_pc_aml)};
}

/* Gives the integer that `name` was declared with in the DSDT, one of four bytes, another
 * value (ACPI 6.5, 20.2.5.1: NameOp, the name, DWordPrefix, the number). */
static void set_name(struct acpi_image *i, size_t start, const char *name, uint32_t value)
{
    uint8_t declaration[6] = {0x08, 0, 0, 0, 0, 0x0c};
    memcpy(declaration + 1, name, 4);
    for (size_t at = start; at + sizeof(declaration) + 4 <= i->len; at++) {
        if (memcmp(i->data + at, declaration, sizeof(declaration)) == 0) {
            for (unsigned n = 0; n < 4; n++) {
                i->data[at + sizeof(declaration) + n] = (uint8_t)(value >> 8 * n);
            }
            return;
        }
    }
    assert(0); /* the DSDT and this file do not fit each other */
}

static size_t put_dsdt(struct acpi_image *i, const struct machine *m, const struct acpi_platform *p)
{
    struct dsdt dsdt = dsdt_of(m);
    align(i, 16);
    size_t start = i->len;
    for (size_t n = 0; n < dsdt.len; n++) {
        put(i, dsdt.aml[n], 1);
    }
    if (m->config.type == MACHINE_Q35) {
        /* Only what lies between RAM and the APICs is in the way of devices. */
        bool below = p->ecam_at >= m->low_ram && p->ecam_at + p->ecam_size <= IOAPIC_AT;
        set_name(i, start, "TOLM", (uint32_t)m->low_ram);
        set_name(i, start, "ECMB", below ? (uint32_t)p->ecam_at : 0);
        set_name(i, start, "ECML", below ? (uint32_t)p->ecam_size : 0);
        note_sum(i, start + 9, start, dsdt.len);
    }
    return start;
}

enum fadt_flags {
    FADT_WBINVD = 1 << 0,
    FADT_C1 = 1 << 2,
    FADT_NO_SLEEP_BUTTON = 1 << 5,
    FADT_RTC_S4 = 1 << 7,
    FADT_RESET_REG = 1 << 10,
};

static size_t put_fadt(struct acpi_image *i, const struct acpi_platform *p, size_t facs,
                       size_t dsdt)
{
    size_t start = table_begin(i, "FACP", 3);
    put_pointer(i, facs, 4);
    put_pointer(i, dsdt, 4);
    put(i, 0, 1);
    put(i, 0, 1); /* profile: unspecified */
    put(i, SCI, 2);
    put(i, p->smi_cmd, 4);
    put(i, p->acpi_enable, 1);
    put(i, p->acpi_disable, 1);
    put(i, 0, 2);
    put(i, p->pm_base, 4); /* PM1a event, PM1b */
    put(i, 0, 4);
    put(i, p->pm_base + 4U, 4); /* PM1a control, PM1b, PM2 */
    put(i, 0, 8);
    put(i, p->pm_base + 8U, 4); /* timer */
    put(i, p->gpe_base, 4);
    put(i, 0, 4);
    put(i, 4 | 2 << 8 | 4 << 24, 4); /* lengths: event, control, no PM2, timer */
    put(i, p->gpe_bytes, 1);         /* GPE0 */
    put(i, 0, 3);
    put(i, 0xfff, 2); /* no C2 */
    put(i, 0xfff, 2); /* no C3 */
    put(i, 0, 4);
    put(i, 0, 1);
    put(i, 0, 1);
    put(i, 0, 1); /* day alarm, month alarm */
    put(i, 0, 1);
    put(i, 0x32, 1); /* century, in CMOS */
    put(i, 3, 2);    /* legacy devices, 8042 */
    put(i, 0, 1);
    put(i, FADT_WBINVD | FADT_C1 | FADT_NO_SLEEP_BUTTON | FADT_RTC_S4 | FADT_RESET_REG, 4);
    put_port(i, 0xcf9, 8, 1);
    put(i, 0x06, 1);
    put(i, 0, 3);
    put_pointer(i, facs, 8);
    put_pointer(i, dsdt, 8);
    put_port(i, p->pm_base, 32, 2);
    put_zeros(i, 12);
    put_port(i, (uint16_t)(p->pm_base + 4), 16, 2);
    put_zeros(i, 24);
    put_port(i, (uint16_t)(p->pm_base + 8), 32, 3);
    put_port(i, p->gpe_base, (uint8_t)(8 * p->gpe_bytes), 1);
    put_zeros(i, 12);
    table_end(i, start);
    return start;
}

/* An ISA interrupt that is not like the others: where it goes, and how it is. */
static void put_override(struct acpi_image *i, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    put(i, 2, 1);
    put(i, 10, 1);
    put(i, 0, 1);
    put(i, irq, 1);
    put(i, gsi, 4);
    put(i, flags, 2);
}

static void put_local_apic(struct acpi_image *i, unsigned id)
{
    if (id < 255) {
        put(i, 0, 1);
        put(i, 8, 1);
        put(i, id, 1);
        put(i, id, 1);
        put(i, 1, 4);
    } else {
        put(i, 9, 1);
        put(i, 16, 1);
        put(i, 0, 2);
        put(i, id, 4);
        put(i, 1, 4);
        put(i, id, 4);
    }
}

static size_t put_madt(struct acpi_image *i, const struct machine *m)
{
    size_t start = table_begin(i, "APIC", 3);
    put(i, APIC_AT, 4);
    put(i, 1, 4); /* there are 8259s too */
    for (unsigned n = 0; n < m->config.cpus; n++) {
        put_local_apic(i, n);
    }
    put(i, 1, 1);
    put(i, 12, 1);
    put(i, 0, 2); /* id */
    put(i, IOAPIC_AT, 4);
    put(i, 0, 4);
    put_override(i, 0, 2, 0);
    static const uint8_t level[] = {5, 9, 10, 11};
    for (size_t n = 0; n < sizeof(level); n++) {
        put_override(i, level[n], level[n], 0xd); /* active high, level */
    }
    put(i, 4, 1); /* LINT1 of all CPUs is NMI */
    put(i, 6, 1);
    put(i, 0xff, 1);
    put(i, 0, 2);
    put(i, 1, 1);
    table_end(i, start);
    return start;
}

static size_t put_hpet(struct acpi_image *i)
{
    size_t start = table_begin(i, "HPET", 1);
    put(i, 0x8086a201, 4);
    put(i, 0, 1); /* memory space */
    put(i, 64, 1);
    put(i, 0, 2);
    put(i, HPET_AT, 8);
    put(i, 0, 1);
    put(i, 0, 2);
    put(i, 0, 1);
    table_end(i, start);
    return start;
}

/* Configuration space in memory, of one segment whose buses begin at 0 (PCI Firmware
 * Specification 3.2, 4.1.2). */
static size_t put_mcfg(struct acpi_image *i, const struct acpi_platform *p)
{
    size_t start = table_begin(i, "MCFG", 1);
    put(i, 0, 8);
    put(i, p->ecam_at, 8);
    put(i, 0, 2);
    put(i, 0, 1);
    put(i, p->ecam_size / ECAM_BUS - 1, 1);
    put(i, 0, 4);
    table_end(i, start);
    return start;
}

static void put_root(struct acpi_image *i, const char *signature, unsigned size,
                     const size_t *tables, unsigned count)
{
    size_t start = table_begin(i, signature, 1);
    for (unsigned n = 0; n < count; n++) {
        put_pointer(i, tables[n], size);
    }
    table_end(i, start);
}

static void put_rsdp(struct acpi_image *i)
{
    put_text(i, "RSD PTR ", 8);
    put(i, 0, 1);
    put_text(i, "MORTIS", 6);
    put(i, 2, 1);
    put_zeros(i, 4); /* filled in below */
    put(i, 36, 4);
    put_zeros(i, 12);
}

/* The RSDP comes first and points to what comes last. */
static void link_rsdp(struct acpi_image *i, size_t rsdt, size_t xsdt)
{
    size_t end = i->len;
    i->len = 16;
    put_pointer(i, rsdt, 4);
    i->len = 24;
    put_pointer(i, xsdt, 8);
    i->len = end;
    note_sum(i, 8, 0, 20);
    note_sum(i, 32, 0, 36);
}

int acpi_build(struct acpi_image *image, const struct machine *m,
               const struct acpi_platform *platform, struct error *err)
{
    size_t tables[4];
    unsigned count = 0;
    if (dsdt_of(m).len + 2048 + 16UL * m->config.cpus > sizeof(image->data)) {
        return error_set(err, E2BIG, "ACPI tables: too many CPUs (%u)", m->config.cpus);
    }
    *image = (struct acpi_image){.len = 0};
    put_rsdp(image);
    size_t facs = put_facs(image);
    size_t dsdt = put_dsdt(image, m, platform);
    tables[count++] = put_fadt(image, platform, facs, dsdt);
    tables[count++] = put_madt(image, m);
    if (m->config.hpet) {
        tables[count++] = put_hpet(image);
    }
    if (platform->ecam_size) {
        tables[count++] = put_mcfg(image, platform);
    }
    size_t rsdt = (image->len + 15) / 16 * 16;
    put_root(image, "RSDT", 4, tables, count);
    size_t xsdt = (image->len + 15) / 16 * 16;
    put_root(image, "XSDT", 8, tables, count);
    link_rsdp(image, rsdt, xsdt);
    return 0;
}

static uint64_t get(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned n = 0; n < size; n++) {
        v |= (uint64_t)p[n] << 8 * n;
    }
    return v;
}

void acpi_relocate(struct acpi_image *image, uint64_t base)
{
    for (unsigned n = 0; n < image->fixup_count; n++) {
        uint8_t *p = image->data + image->fixups[n].at;
        uint64_t v = get(p, image->fixups[n].size) + base;
        for (unsigned k = 0; k < image->fixups[n].size; k++) {
            p[k] = (uint8_t)(v >> 8 * k);
        }
    }
    for (unsigned n = 0; n < image->sum_count; n++) {
        const struct acpi_sum *s = &image->sums[n];
        uint8_t sum = 0;
        image->data[s->at] = 0;
        for (uint32_t k = 0; k < s->len; k++) {
            sum = (uint8_t)(sum + image->data[s->start + k]);
        }
        image->data[s->at] = (uint8_t)-sum;
    }
}
