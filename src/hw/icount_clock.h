/* Guest time by counted instructions (exec/icount.h): the virtual clock, and its timers on
 * the vCPUs' thread. */
#ifndef MORTISE_HW_ICOUNT_CLOCK_H
#define MORTISE_HW_ICOUNT_CLOCK_H

#include "exec/icount.h"

/* Before the engine and any device. */
void icount_clock_start(const struct icount_config *config);

#endif
