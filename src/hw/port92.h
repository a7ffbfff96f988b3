/* System control port A, 0x92: fast A20 (always on here) and fast reset. */
#ifndef MORTISE_HW_PORT92_H
#define MORTISE_HW_PORT92_H

#include "hw/machine.h"

NODISCARD int port92_new(struct machine *m, struct error *err) REQUIRES(bql);

#endif
