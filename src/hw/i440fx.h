/* The Intel 440FX host bridge, at 00:00.0, with the PCI bus behind it. */
#ifndef MORTISE_HW_I440FX_H
#define MORTISE_HW_I440FX_H

#include "hw/pci.h"

struct i440fx;
struct lapic_set;

/* Makes m->pci and m->smram_as. Messages of devices go to `lapics`. RAM is in place;
 * the bus has no interrupt lines before piix3_new. */
NODISCARD int i440fx_new(struct machine *m, struct lapic_set *lapics, struct i440fx **out,
                         struct error *err) REQUIRES(bql);
/* Frees all devices of the bus. */
void i440fx_free(struct i440fx *f) REQUIRES(bql);
/* The host bridge and every device of its bus. */
void i440fx_reset(void *opaque) REQUIRES(bql);

#endif
