/* isa-debug-exit: a port that ends the process, for test kernels. */
#ifndef MORTISE_HW_DEBUG_EXIT_H
#define MORTISE_HW_DEBUG_EXIT_H

#include "hw/machine.h"

/* A write of v to one of `size` ports at `base` shuts down with exit code
 * v * 2 + 1 (of which a shell sees the low 8 bits). */
NODISCARD int debug_exit_new(struct machine *m, uint16_t base, unsigned size, struct error *err)
    REQUIRES(bql);

#endif
