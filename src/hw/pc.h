/* The PC: its buses and the devices that every one has. */
#ifndef MORTISE_HW_PC_H
#define MORTISE_HW_PC_H

#include "hw/chardev.h"
#include "hw/machine.h"
#include "hw/machine_run.h"

struct pc;

/* What the command line connects to it. NULL: nothing. Stays the caller's. */
struct pc_lines {
    struct chardev *serial[4];
};

/* Makes memory, chipset, interrupt controllers and vCPUs of m->config, and reads
 * kernel or firmware. Nothing runs yet. */
NODISCARD int pc_new(struct machine *m, const struct pc_lines *lines, struct pc **out,
                     struct error *err) REQUIRES(bql, main_loop_role);

/* For machine_run. */
extern const struct machine_hooks pc_hooks;

void pc_free(struct pc *pc) REQUIRES(bql);

#endif
