/* The pair of Intel 8259A interrupt controllers of a PC: master at ports 0x20 and
 * 0x21, slave at 0xa0 and 0xa1 on the master's input 2, ELCR at 0x4d0 and 0x4d1. */
#ifndef MORTISE_HW_I8259_H
#define MORTISE_HW_I8259_H

#include "exec/memory.h"
#include "hw/irq.h"

struct i8259;

/* `intr` is the INTR output. It is driven without a lock of the pair held, so two
 * threads may drive it in either order: who listens asks i8259_output. */
NODISCARD int i8259_new(struct memory_region *io, struct irq intr, struct i8259 **out,
                        struct error *err) REQUIRES(bql);
void i8259_free(struct i8259 *pic) REQUIRES(bql);
void i8259_reset(void *opaque) REQUIRES(bql);

/* Input n, 0 to 15. The handler of struct irq; any thread. */
void i8259_set_irq(void *opaque, unsigned n, bool level);
/* Its handler of irq_tick; any thread. */
void i8259_tick(void *opaque, unsigned n, unsigned count);

/* Whether INTR is high. Any thread. */
bool i8259_output(const struct i8259 *pic);

/* The CPU's acknowledge cycle: the vector, that of input 7 if the request has
 * gone away. Any thread. */
int i8259_acknowledge(struct i8259 *pic);

#endif
