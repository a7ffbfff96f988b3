/* An input as a list of things that a guest, the world outside and time do. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_OPS_H
#define MORTISE_TESTS_FUZZ_DEVICES_OPS_H

#include "devices/input.h"
#include "devices/machine.h"

/* Until the input ends or has done enough. `mr`: whose registers the plain accesses
 * go to; NULL: those of all. */
void fuzz_ops_run(struct fuzz_input *in, const struct memory_region *mr)
    REQUIRES(bql, main_loop_role) MAY_BLOCK;

#endif
