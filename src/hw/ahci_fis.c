/* Frame information structures: what a drive and the controller say to each other
 * (Serial ATA 3.0, 10.3), and where the guest finds what the drive has said (AHCI 4.2.1). */
#include "hw/ahci_internal.h"

#define PIO_SETUP_AT 0x20
#define REGISTERS_AT 0x40
#define FIS_SIZE     20
#define PIO_SETUP    0x5f
#define REGISTERS    0x34
#define INTERRUPT    0x40u
#define TO_HOST      0x20u

static void fill(const struct ide_unit *u, uint8_t *fis) REQUIRES(bql)
{
    fis[2] = u->status;
    fis[3] = u->error;
    fis[4] = u->low.now;
    fis[5] = u->mid.now;
    fis[6] = u->high.now;
    fis[7] = u->select;
    fis[8] = u->low.before;
    fis[9] = u->mid.before;
    fis[10] = u->high.before;
    fis[12] = u->count.now;
    fis[13] = u->count.before;
}

static void post(struct ahci_port *p, unsigned at, const uint8_t *fis) REQUIRES(bql)
{
    if ((p->command & AHCI_FIS_ENABLE) &&
        pci_dma_write(&p->ahci->pci, p->fis + at, fis, FIS_SIZE) != MEMORY_OK) {
        ahci_raise(p, AHCI_MEMORY_FAILED);
    }
}

void ahci_post_registers(struct ahci_port *p, bool interrupt)
{
    uint8_t fis[FIS_SIZE] = {REGISTERS, interrupt ? INTERRUPT : 0};

    fill(&p->unit, fis);
    post(p, REGISTERS_AT, fis);
    p->task_file = (uint32_t)p->unit.error << 8 | p->unit.status;
    if (interrupt) {
        ahci_raise(p, AHCI_D2H_FIS);
    }
}

void ahci_post_pio_setup(struct ahci_port *p, bool to_host, bool interrupt, uint32_t len)
{
    uint8_t fis[FIS_SIZE] = {PIO_SETUP,
                             (uint8_t)((to_host ? TO_HOST : 0) | (interrupt ? INTERRUPT : 0))};

    fill(&p->unit, fis);
    fis[2] = IDE_READY | IDE_SEEK | IDE_DRQ;
    fis[15] = IDE_READY | IDE_SEEK; /* the status when the data have gone */
    pci_put(fis + 16, len, 2);
    post(p, PIO_SETUP_AT, fis);
    if (interrupt) {
        p->task_file = (uint32_t)p->unit.error << 8 | p->unit.status;
        ahci_raise(p, AHCI_PIO_SETUP_FIS);
    }
}

void ahci_post_signature(struct ahci_port *p)
{
    const struct ide_unit *u = &p->unit;

    p->signature = u->count.now | (uint32_t)u->low.now << 8 | (uint32_t)u->mid.now << 16 |
                   (uint32_t)u->high.now << 24;
    p->signature_waits = !(p->command & AHCI_FIS_ENABLE);
    ahci_post_registers(p, false);
}

void ahci_take_registers(struct ide_unit *u, const uint8_t *fis) REQUIRES(bql)
{
    u->feature = (struct ide_reg){.now = fis[3], .before = fis[11]};
    u->low = (struct ide_reg){.now = fis[4], .before = fis[8]};
    u->mid = (struct ide_reg){.now = fis[5], .before = fis[9]};
    u->high = (struct ide_reg){.now = fis[6], .before = fis[10]};
    u->count = (struct ide_reg){.now = fis[12], .before = fis[13]};
    u->select = fis[7];
}
