/* What the process as a whole was started with. Set by user_run before the
 * guest's first instruction, immutable then. */
#ifndef MORTISE_USER_PROCESS_H
#define MORTISE_USER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "user/run.h"
#include "user/stack.h"

struct IMMUTABLE_AFTER_INIT user_process {
    const struct user_options *options;
    char *exe;                /* absolute path of the program, as /proc/self/exe says */
    struct stack_image stack; /* where argv, environ and auxv are */
    bool kernel_knows;        /* /proc/PID/cmdline and the like tell the guest's truth */
};

extern struct user_process user_process;

#endif
