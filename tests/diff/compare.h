#ifndef MORTISE_DIFF_COMPARE_H
#define MORTISE_DIFF_COMPARE_H

#include "diff.h"

/* Whether the engine's result is the native one. May normalise both. */
bool results_equal(const struct diff_case *c, struct diff_result *native,
                   struct diff_result *engine);

/* Says what differs, with everything needed to see why. */
void report_mismatch(const char *rerun, const struct diff_case *c, unsigned state,
                     const struct diff_state *st, const struct diff_result *native,
                     const struct diff_result *engine);

/* The case's code, disassembled, to stderr. */
void report_code(const struct diff_case *c);

/* Mnemonic of the first instruction. */
const char *case_mnemonic(const struct diff_case *c);

#endif
