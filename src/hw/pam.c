/* The attribute map of the i440FX, kept by its successors (Intel 82441FX data sheet,
 * 3.2.10 and 3.2.19). Each segment has an alias of RAM and one of the PCI bus, of which
 * one is enabled. "Writes to RAM, reads from PCI" shows the bus, as firmware that
 * shadows itself copies by way of another address. */
#include "hw/pam.h"

#define SEGMENT_SIZE  0x4000u
#define FIRST         0xc0000u
#define BIOS          0xf0000u
#define BIOS_SIZE     0x10000u
#define VGA           0xa0000u
#define VGA_SIZE      0x20000u
#define TSEG_SIZE     0x100000u /* until it is set */
#define PAM_READ      1u
#define PAM_WRITE     2u
#define SMRAM_ENABLED 0x08u
#define SMRAM_CLOSED  0x20u
#define SMRAM_OPEN    0x40u

/* Without it RAM would show through a bus without devices. */
static const struct memory_ops nobody_ops = {.min_size = 1, .max_size = 8};

static uint64_t segment_at(unsigned n)
{
    return n == PAM_SEGMENTS - 1 ? BIOS : FIRST + n * SEGMENT_SIZE;
}

/* Attributes of segment n: PAM0's upper half is the last one's, then two each. */
static unsigned attributes(const uint8_t *regs, unsigned n)
{
    if (n == PAM_SEGMENTS - 1) {
        return regs[0] >> 4 & 3;
    }
    return regs[1 + n / 2] >> (n % 2 * 4) & 3;
}

void pam_set(struct pam *p, const uint8_t *regs)
{
    memory_transaction_begin();
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        unsigned a = attributes(regs, n);

        memory_region_set_enabled(&p->ram[n], a & PAM_READ);
        memory_region_set_readonly(&p->ram[n], !(a & PAM_WRITE));
        memory_region_set_enabled(&p->pci[n], !(a & PAM_READ));
    }
    memory_transaction_commit();
}

void pam_set_smram(struct pam *p, uint8_t control)
{
    bool enabled = control & SMRAM_ENABLED;

    memory_transaction_begin();
    memory_region_set_enabled(&p->vga, !(enabled && (control & SMRAM_OPEN)));
    memory_region_set_enabled(&p->smram, enabled && !(control & SMRAM_CLOSED));
    memory_transaction_commit();
}

void pam_set_tseg(struct pam *p, uint64_t at, uint64_t size)
{
    memory_transaction_begin();
    if (size) {
        memory_region_set_address(&p->tseg_hidden, at);
        memory_region_set_size(&p->tseg_hidden, size);
        memory_region_set_address(&p->tseg, at);
        memory_region_set_alias_offset(&p->tseg, at);
        memory_region_set_size(&p->tseg, size);
    }
    memory_region_set_enabled(&p->tseg_hidden, size);
    memory_region_set_enabled(&p->tseg, size);
    memory_transaction_commit();
}

int pam_init(struct pam *p, struct pci_bus *bus, struct error *err)
{
    static const uint8_t none[PAM_REGS];
    struct machine *m = bus->machine;

    memory_region_init_io(&p->nobody, &nobody_ops, p, "pci-nobody", BIOS + BIOS_SIZE - VGA);
    memory_region_set_lockless(&p->nobody);
    memory_region_add(&bus->memory, VGA, &p->nobody, -1);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        uint64_t at = segment_at(n), size = n == PAM_SEGMENTS - 1 ? BIOS_SIZE : SEGMENT_SIZE;

        memory_region_init_alias(&p->ram[n], "pam-ram", &m->ram, at, size);
        memory_region_init_alias(&p->pci[n], "pam-pci", &bus->memory, at, size);
        memory_region_add(&m->memory, at, &p->ram[n], 1);
        memory_region_add(&m->memory, at, &p->pci[n], 1);
    }
    memory_region_init_alias(&p->vga, "vga-window", &bus->memory, VGA, VGA_SIZE);
    memory_region_add(&m->memory, VGA, &p->vga, 1);
    memory_region_init(&p->smram_root, "smram-root", UINT64_MAX);
    memory_region_init_alias(&p->smram_memory, "smram-memory", &m->memory, 0, UINT64_MAX);
    memory_region_add(&p->smram_root, 0, &p->smram_memory, 0);
    memory_region_init_alias(&p->smram, "smram", &m->ram, VGA, VGA_SIZE);
    memory_region_add(&p->smram_root, VGA, &p->smram, 1);
    memory_region_init_io(&p->tseg_hidden, &nobody_ops, p, "tseg-hidden", TSEG_SIZE);
    memory_region_set_lockless(&p->tseg_hidden);
    memory_region_set_enabled(&p->tseg_hidden, false);
    memory_region_add(&m->memory, 0, &p->tseg_hidden, 1);
    memory_region_init_alias(&p->tseg, "tseg", &m->ram, 0, TSEG_SIZE);
    memory_region_set_enabled(&p->tseg, false);
    memory_region_add(&p->smram_root, 0, &p->tseg, 1);
    pam_set(p, none);
    pam_set_smram(p, 0);
    return address_space_new(&m->smram_as, "smram", &p->smram_root, err);
}

void pam_cleanup(struct pam *p, struct machine *m)
{
    if (m->smram_as) {
        address_space_free(m->smram_as);
        m->smram_as = NULL;
    }
    memory_region_destroy(&p->tseg);
    memory_region_destroy(&p->tseg_hidden);
    memory_region_destroy(&p->smram);
    memory_region_destroy(&p->smram_memory);
    memory_region_destroy(&p->smram_root);
    memory_region_destroy(&p->vga);
    memory_region_destroy(&p->nobody);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        memory_region_destroy(&p->ram[n]);
        memory_region_destroy(&p->pci[n]);
    }
}
