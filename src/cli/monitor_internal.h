/* What the files of the monitor share: commands, and what they work on. */
#ifndef MORTISE_CLI_MONITOR_INTERNAL_H
#define MORTISE_CLI_MONITOR_INTERNAL_H

#include <stdbool.h>
#include <stdio.h>

#include "exec/exclusive.h"
#include "hw/machine.h"
#include "locks/thread.h"

/* What commands look at. */
struct monitor_view {
    struct machine *machine IMMUTABLE_AFTER_INIT;
    unsigned cpu GUARDED_BY(bql); /* which one */
};

/* Runs the command in `line`, on the main loop. It and all others print what they have to
 * say, an error in one line, to `out`. */
void monitor_run_line(struct monitor_view *view, const char *line, FILE *out) REQUIRES(bql);

/* Runs fn on the thread of the CPU that is looked at. False: it has said why not. */
bool monitor_on_cpu(struct monitor_view *view, run_on_cpu_fn *fn, void *opaque, FILE *out)
    REQUIRES(bql) MAY_BLOCK;

void monitor_info(struct monitor_view *view, const char *argument, FILE *out)
    REQUIRES(bql) MAY_BLOCK;
void monitor_choose_cpu(struct monitor_view *view, const char *argument, FILE *out) REQUIRES(bql);
/* [/COUNTx[bhwg]] ADDRESS; physical, or linear as the CPU has it mapped. */
void monitor_dump(struct monitor_view *view, const char *argument, bool physical, FILE *out)
    REQUIRES(bql) MAY_BLOCK;
void monitor_screendump(struct machine *m, const char *argument, FILE *out) REQUIRES(bql) MAY_BLOCK;
/* [-b] CPU BANK STATUS MCGSTATUS ADDR MISC, as QEMU has it. */
void monitor_mce(struct machine *m, const char *argument, FILE *out) REQUIRES(bql) MAY_BLOCK;

#endif
