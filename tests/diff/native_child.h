/* Inside the native side's child process. */
#ifndef MORTISE_DIFF_NATIVE_CHILD_H
#define MORTISE_DIFF_NATIVE_CHILD_H

#include "diff.h"

/* Serves batches until to_child is closed. Each request is the index of the
 * first case to run, the answer is the same number. Never returns. */
_Noreturn void native_child(struct batch *batch, int code_fd, int requests, int answers);

#endif
