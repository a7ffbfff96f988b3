/* Ports of firmware that debugs itself: 0xe9, 0x402 or another is a console, 0x80 takes
 * POST codes. */
#ifndef MORTISE_HW_DEBUGCON_H
#define MORTISE_HW_DEBUGCON_H

#include "hw/chardev.h"
#include "hw/machine.h"

struct debugcon;

/* What is written goes to c; reads give `readback`, by which firmware knows it (0xe9). */
NODISCARD int debugcon_new(struct machine *m, uint16_t port, uint8_t readback, struct chardev *c,
                           struct debugcon **out, struct error *err) REQUIRES(bql);

/* Port 0x80: keeps what was written. */
void post_port_reset(void *port) REQUIRES(bql);
NODISCARD int post_port_new(struct machine *m, struct debugcon **out, struct error *err)
    REQUIRES(bql);

void debugcon_free(struct debugcon *d) REQUIRES(bql);

#endif
