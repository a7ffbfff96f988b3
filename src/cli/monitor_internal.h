/* What the files of the monitor share: commands with words to take apart. */
#ifndef MORTISE_CLI_MONITOR_INTERNAL_H
#define MORTISE_CLI_MONITOR_INTERNAL_H

#include <stdio.h>

#include "hw/machine.h"

/* Each prints what it has to say, an error in one line, to `out`. */
void monitor_screendump(struct machine *m, const char *argument, FILE *out) REQUIRES(bql) MAY_BLOCK;
/* [-b] CPU BANK STATUS MCGSTATUS ADDR MISC, as QEMU has it. */
void monitor_mce(struct machine *m, const char *argument, FILE *out) REQUIRES(bql) MAY_BLOCK;

#endif
