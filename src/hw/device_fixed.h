/* Properties with one value only. Inside of hw/device*.c and hw/drive.c. */
#ifndef MORTISE_HW_DEVICE_FIXED_H
#define MORTISE_HW_DEVICE_FIXED_H

#include <stdbool.h>

#include "base/error.h"

/* Of a type of devices, or of "-drive". */
bool device_fixed_has(const char *type, const char *name);
/* Fails with a sentence if it is such a property and cannot have this value. */
NODISCARD int device_fixed_check(const char *type, const char *name, const char *value,
                                 struct error *err);

#endif
