/* A worker: a process that runs its share of the cases on both sides. */
#ifndef MORTISE_DIFF_WORKER_H
#define MORTISE_DIFF_WORKER_H

#include "diff.h"

struct options {
    uint64_t seed, count, single; /* single: the only case; or NO_CASE */
    uint32_t jobs, states, seconds;
    const char *only, *opcodes_md;
    bool list, native_only, one_insn_per_tb;
    const char *rerun; /* the command that repeats a case */
};
#define NO_CASE UINT64_MAX

/* What a worker tells the coordinator, in shared memory. */
struct progress {
    _Atomic(uint64_t) at;   /* case that runs in the engine now, or NO_CASE */
    _Atomic(uint64_t) next; /* first batch not finished */
    _Atomic(uint64_t) cases, states, mismatches, dropped, skipped, crashes;
    _Atomic(uint64_t) unsteady; /* states in which the host contradicted itself */
    _Atomic(uint64_t) stop;     /* set by the coordinator */
    uint64_t faults[64];        /* states that ended with each signal */
};

/* Runs batches next, next + jobs, ... Never returns; exit code 0. */
_Noreturn void worker_run(const struct options *o, struct progress *p, uint64_t first_batch);

#endif
