/* One run of the checker, from options to exit status. */
#ifndef LOCKCHECK_RUN_H
#define LOCKCHECK_RUN_H

#include "options.h"

enum { EXIT_CLEAN = 0, EXIT_FINDINGS = 1, EXIT_TROUBLE = 2 };

int lockcheck_run(const struct options *options);

#endif
