/* Running a machine from the main loop: for src/cli. */
#ifndef MORTISE_HW_MACHINE_RUN_H
#define MORTISE_HW_MACHINE_RUN_H

#include "hw/machine.h"
#include "locks/thread.h"

/* What differs between machines; on the main loop with the BQL. */
struct machine_hooks {
    void (*boot)(struct machine *m); /* after reset, vCPUs stopped: memory and first state */
    void (*power_button)(struct machine *m);
};

/* After main_loop_init, before anything may call machine_request. */
void machine_init(void) REQUIRES(bql);
void machine_cleanup(struct machine *m) REQUIRES(bql);

/* Boots, runs until shutdown, ends the vCPUs' threads. The exit code. */
NODISCARD int machine_run(struct machine *m, const struct machine_hooks *hooks, bool paused)
    REQUIRES(bql, main_loop_role) MAY_BLOCK;

/* Monitor: stop and cont. */
bool machine_running(void) REQUIRES(bql);
void machine_resume(void) REQUIRES(bql);
void machine_stop(void) REQUIRES(bql, main_loop_role) MAY_BLOCK;

#endif
