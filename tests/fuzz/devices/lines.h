/* Character devices whose other end is the fuzzer. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_LINES_H
#define MORTISE_TESTS_FUZZ_DEVICES_LINES_H

#include "devices/machine.h"
#include "hw/chardev.h"

void fuzz_lines_make(void) REQUIRES(bql);
void fuzz_lines_free(void) REQUIRES(bql);
struct chardev *fuzz_line_of(enum fuzz_line line) REQUIRES(bql);

#endif
