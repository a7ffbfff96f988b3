/* -object KIND,id=ID: what devices refer to by name. There are sources of random numbers,
 * rng-random (filename=/dev/urandom or /dev/random) and rng-builtin, which are the same. */
#ifndef MORTISE_HW_OBJECT_H
#define MORTISE_HW_OBJECT_H

#include "base/error.h"
#include "locks/bql.h"

NODISCARD int object_add(const char *text, struct error *err) REQUIRES(bql);
/* Whether there is a source of random numbers of this name. */
bool object_is_rng(const char *id) REQUIRES(bql);
void objects_free(void) REQUIRES(bql);

#endif
