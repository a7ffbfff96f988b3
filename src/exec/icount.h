/* Counting instructions: guest time that advances with what the guest executes, and
 * with nothing else, so that two runs with the same input are the same to the bit.
 *
 * The machine has one count, of the instructions of all its vCPUs, which run in turn on
 * one thread (exec/vcpu.h). Time is the count, shifted, plus what was skipped while no
 * vCPU had anything to do. A vCPU is given a number of instructions, up to the next
 * timer and the end of its turn; translated code takes those of a block off when it
 * enters it and comes back instead when they are too many. So timers run at exact
 * counts, on the vCPUs' thread.
 *
 * Unless a function says otherwise it is the vCPUs' thread that calls it. */
#ifndef MORTISE_EXEC_ICOUNT_H
#define MORTISE_EXEC_ICOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/cpu.h"
#include "locks/bql.h"

#define ICOUNT_SHIFT_MAX 10

struct icount_config {
    unsigned shift; /* an instruction takes 1 << shift ns */
    bool sleep;     /* idle time passes as real time does; else it is skipped at once */
    uint64_t seed;  /* of icount_random */
};

/* The timers of guest time. */
struct icount_timers {
    int64_t (*first_ns)(void); /* when the first one expires; INT64_MAX: none is set */
    void (*run)(void);         /* those whose time has come; the BQL is held */
};

/* Before there are vCPUs. `timers` may be NULL. */
void icount_start(const struct icount_config *cfg, const struct icount_timers *table);
/* Back to not counting, when there are none any more. */
void icount_stop(void);

/* Any thread. */
bool icount_enabled(void);
/* Guest time; exact on the vCPUs' thread, in the middle of a block too, where
 * cpu->icount.ahead says how much of it is to come. Any other thread gets a time that
 * was true lately. */
int64_t icount_now_ns(void);
/* Instructions executed so far; likewise. */
int64_t icount_executed(void);

/* Deterministic random bits, for RDRAND and its like. */
uint64_t icount_random(void);

/* Runs the timers that are due and gives the vCPU what it may execute: at least 1
 * instruction, at most `most`. The BQL is not held. */
void icount_begin(struct cpu *cpu, int32_t most);
/* What it has executed since. */
int32_t icount_end(struct cpu *cpu);
/* Nobody has anything to do: goes on to the next timer, after the time that it takes if
 * sleep is on or until `wake` is set, and runs it. False: there is none. */
bool icount_idle(struct event *wake) MAY_BLOCK;

/* A timer was set that comes before all others: the vCPU that runs gets no further than
 * that, but for the instruction that it is at. Any thread. */
void icount_timer_set(void);

/* Lets other threads know the time. */
void icount_publish(void);

#endif
