/* Devices of the command line: -device NAME,prop=value. */
#ifndef MORTISE_HW_DEVICE_H
#define MORTISE_HW_DEVICE_H

#include <stdio.h>

#include "hw/machine.h"
#include "hw/props.h"

/* Makes one, in a machine that has its buses. Drives have been added (hw/drive.h). */
NODISCARD int device_add(struct machine *m, const char *text, struct error *err) REQUIRES(bql);

/* What devices were connected to is closed; they are gone with their buses. */
void devices_free(void) REQUIRES(bql);

/* The list of all; with "NAME,help", its properties. */
void device_help(FILE *out, const char *text);

#endif
