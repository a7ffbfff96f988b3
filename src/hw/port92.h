/* System control port A, 0x92: fast A20 (always on here) and fast reset. */
#ifndef MORTISE_HW_PORT92_H
#define MORTISE_HW_PORT92_H

#include "hw/machine.h"

struct port92;

NODISCARD int port92_new(struct machine *m, struct port92 **out, struct error *err) REQUIRES(bql);
void port92_free(struct port92 *p) REQUIRES(bql);

#endif
