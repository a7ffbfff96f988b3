/* The host bridge of the machine "q35", an Intel 82Q35 MCH at 00:00.0, with the PCI
 * Express root bus behind it. */
#ifndef MORTISE_HW_Q35_H
#define MORTISE_HW_Q35_H

#include "hw/pci.h"

/* Where boot without firmware puts configuration space. */
#define Q35_ECAM_AT   UINT64_C(0xb0000000)
#define Q35_ECAM_SIZE UINT64_C(0x10000000)

struct lapic_set;
struct q35;

/* Makes m->pci and m->smram_as. Messages of devices go to `lapics`. RAM is in place;
 * the bus has no interrupt lines before ich9_new. */
NODISCARD int q35_new(struct machine *m, struct lapic_set *lapics, struct q35 **out,
                      struct error *err) REQUIRES(bql);
/* Frees all devices of the bus. */
void q35_free(struct q35 *q) REQUIRES(bql);
/* The host bridge and every device of its bus. */
void q35_reset(void *opaque) REQUIRES(bql);

/* What firmware does, for boot without it: configuration space in memory. After reset. */
void q35_set_up(struct q35 *q) REQUIRES(bql);

/* Where configuration space lies in memory; false: nowhere. *size is 64, 128 or
 * 256 MiB: 1 MiB for each bus number. */
bool q35_ecam(const struct q35 *q, uint64_t *at, uint64_t *size) REQUIRES(bql);

#endif
