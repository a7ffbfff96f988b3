/* The monitor: commands to a running machine, typed on a character device. */
#ifndef MORTISE_CLI_MONITOR_H
#define MORTISE_CLI_MONITOR_H

#include "hw/chardev.h"
#include "hw/machine.h"
#include "locks/thread.h"

struct monitor;

/* `c` stays the caller's and outlives it. */
NODISCARD int monitor_new(struct machine *m, struct chardev *c, struct monitor **out,
                          struct error *err) REQUIRES(bql);
void monitor_free(struct monitor *monitor) REQUIRES(bql);

#endif
