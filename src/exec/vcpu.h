/* The threads that run vCPUs in system mode: one each (mttcg), or one for all in
 * turn (round-robin). What a vCPU does is in a table that src/x86sys fills. */
#ifndef MORTISE_EXEC_VCPU_H
#define MORTISE_EXEC_VCPU_H

#include <stdbool.h>

#include "base/error.h"
#include "exec/cpu.h"
#include "locks/bql.h"
#include "locks/thread.h"

enum vcpu_exit {
    VCPU_REQUEST,  /* exit_request has bits */
    VCPU_HALTED,   /* nothing to do until kicked */
    VCPU_SHUTDOWN, /* triple fault: the machine's reset or shutdown policy decides */
};

struct vcpu_ops {
    void (*attach)(
        struct cpu *cpu); /* first thing on its thread (and at each turn of round-robin) */
    enum vcpu_exit (*exec)(struct cpu *cpu);
    bool (*has_work)(struct cpu *cpu);
    void (*reset)(struct cpu *cpu);
};

/* Before any thread: the ops, and what is called (on a vCPU thread, without the
 * BQL) when a vCPU shuts down. */
void vcpu_init(const struct vcpu_ops *table, void (*shutdown)(struct cpu *cpu));

/* Starts the threads of all vCPUs registered with vcpu_add, stopped. */
NODISCARD int vcpu_add(struct cpu *cpu, struct error *err);
NODISCARD int vcpu_start_threads(bool round_robin, struct error *err);

/* Whether one thread runs all vCPUs, so that none may sleep in the middle of its turn. */
bool vcpu_is_round_robin(void);

/* For guest_ops->kick: wakes the thread of a vCPU that shares one with others. */
void vcpu_kick_thread(const struct cpu *cpu);

/* ... and the thread that all share, if they do, whichever is to look at something new. */
void vcpu_wake(void);

/* Stops all as soon as they look, without waiting: by a vCPU's thread whose guest has
 * asked for a reset or the like, so that it gets no further. vcpu_resume_all undoes it. */
void vcpu_ask_stop(void);

/* Runs or stops all. vcpu_stop_all returns when every vCPU is out of guest code
 * and stays out; it drops the BQL while it waits. From the main loop. */
void vcpu_resume_all(void) REQUIRES(bql);
void vcpu_stop_all(void) REQUIRES(bql, main_loop_role) MAY_BLOCK;
/* Power-on reset of all, which are stopped; on their own threads. */
void vcpu_reset_all(void) REQUIRES(bql, main_loop_role) MAY_BLOCK;
/* Ends the threads. All are stopped; the vCPUs stay registered. */
void vcpu_join_all(void) REQUIRES(bql, main_loop_role) MAY_BLOCK;

#endif
