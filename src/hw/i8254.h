/* The interval timer of a PC: Intel 8254 at ports 0x40 to 0x43, and port 0x61 with
 * the gate and output of its channel 2. */
#ifndef MORTISE_HW_I8254_H
#define MORTISE_HW_I8254_H

#include "exec/memory.h"
#include "hw/irq.h"

#define I8254_HZ 1193182u

struct i8254;

/* `irq` is channel 0's output, IRQ 0. The main loop exists. */
NODISCARD int i8254_new(struct memory_region *io, struct irq irq, struct i8254 **out,
                        struct error *err) REQUIRES(bql);
void i8254_free(struct i8254 *pit) REQUIRES(bql);
void i8254_reset(void *opaque) REQUIRES(bql);

#endif
