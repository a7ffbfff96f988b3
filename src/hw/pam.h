/* What a PC's chipset shows between 640 KiB and 1 MiB: RAM or the PCI bus, by the
 * programmable attribute map, and SMRAM where the VGA's memory is. */
#ifndef MORTISE_HW_PAM_H
#define MORTISE_HW_PAM_H

#include "hw/pci.h"

#define PAM_SEGMENTS 13
#define PAM_REGS     7

struct pam {
    struct memory_region pci[PAM_SEGMENTS], ram[PAM_SEGMENTS], vga;
    struct memory_region nobody;                          /* of the bus, where no device answers */
    struct memory_region smram_root, smram_memory, smram; /* as a CPU in SMM sees it */
    struct memory_region tseg, tseg_hidden;               /* SMRAM at the end of low memory */
};

/* Puts the regions into the machine and makes its smram_as. The RAM is there. */
NODISCARD int pam_init(struct pam *p, struct pci_bus *bus, struct error *err) REQUIRES(bql);
void pam_cleanup(struct pam *p, struct machine *m) REQUIRES(bql);

/* Makes it so: the registers PAM0 to PAM6, and the SMRAM control register. */
void pam_set(struct pam *p, const uint8_t *regs) REQUIRES(bql);
void pam_set_smram(struct pam *p, uint8_t control) REQUIRES(bql);
/* [at, at + size) is RAM to a CPU in SMM, and to all others nothing. size 0: no such
 * segment. */
void pam_set_tseg(struct pam *p, uint64_t at, uint64_t size) REQUIRES(bql);

#endif
