/* A 16550A UART on a character device (National Semiconductor PC16550D). */
#ifndef MORTISE_HW_SERIAL_H
#define MORTISE_HW_SERIAL_H

#include "exec/memory.h"
#include "hw/chardev.h"
#include "hw/irq.h"

struct serial;

/* At port `base` of the I/O space `io`, with its interrupt on `irq`. `c` (NULL:
 * nothing connected) stays the caller's and outlives it. */
NODISCARD int serial_new(struct memory_region *io, uint16_t base, struct irq irq, struct chardev *c,
                         struct serial **out, struct error *err) REQUIRES(bql);
void serial_free(struct serial *s) REQUIRES(bql);
void serial_reset(void *serial) REQUIRES(bql);

#endif
