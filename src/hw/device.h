/* Devices of the command line: -device NAME,prop=value. */
#ifndef MORTISE_HW_DEVICE_H
#define MORTISE_HW_DEVICE_H

#include <stdio.h>

#include "hw/machine.h"
#include "hw/props.h"

/* Whether -device NAME,prop=value asks for something that there is, as far as that can be
 * said without a machine. Any thread. */
NODISCARD int device_check(const char *text, struct error *err);

/* -global NAME.prop=value: what devices of that name made from now on have unless they say
 * otherwise. */
NODISCARD int device_global_add(const char *text, struct error *err) REQUIRES(bql);

/* Makes one, in a machine that has its buses. Drives have been added (hw/drive.h). */
NODISCARD int device_add(struct machine *m, const char *text, struct error *err) REQUIRES(bql);

/* What devices were connected to is closed, globals are forgotten; the devices are gone
 * with their buses. */
void devices_free(void) REQUIRES(bql);

/* The list of all; with "NAME,help", its properties. */
void device_help(FILE *out, const char *text);

#endif
