/* The native side: a child process that runs the cases of a batch on the
 * host CPU. It is expendable: guest code may break it, and then it is
 * replaced. Used by one worker. */
#ifndef MORTISE_DIFF_NATIVE_H
#define MORTISE_DIFF_NATIVE_H

#include <sys/types.h>

#include "diff.h"

struct native {
    pid_t pid;
    int to_child, from_child; /* pipes: one byte per batch each way */
    struct batch *batch;
    int code_fd; /* memfd with the code windows of all regions, as the child sees them */
    uint64_t crashes, timeouts;
};

/* Prepares; the child is forked when first needed. Exits on failure. */
void native_init(struct native *n, struct batch *batch);

/* Runs the whole batch: fills batch->native and marks dropped cases. */
void native_run(struct native *n);
void native_stop(struct native *n);

/* Where the worker writes a region's code for the child. */
uint8_t *native_code(int region);

#endif
