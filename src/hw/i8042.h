/* The keyboard controller: Intel 8042 at ports 0x60 and 0x64, with a PS/2 keyboard and
 * mouse. */
#ifndef MORTISE_HW_I8042_H
#define MORTISE_HW_I8042_H

#include "hw/machine.h"

struct i8042;

/* Interrupts 1 and 12 of m->isa_irq; its reset line resets the machine. */
NODISCARD int i8042_new(struct machine *m, struct i8042 **out, struct error *err) REQUIRES(bql);
void i8042_free(struct i8042 *c) REQUIRES(bql);
void i8042_reset(void *opaque) REQUIRES(bql);

/* What the user does; see ps2.h. */
void i8042_key(struct i8042 *c, unsigned code, bool down) REQUIRES(bql);
void i8042_mouse(struct i8042 *c, int dx, int dy, int dz, uint8_t buttons) REQUIRES(bql);

#endif
