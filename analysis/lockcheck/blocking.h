/* Which functions may block, and why: what check_blocking.c asks. */
#ifndef LOCKCHECK_BLOCKING_H
#define LOCKCHECK_BLOCKING_H

#include "contract.h"

enum blocking { BLOCK_SLEEP, BLOCK_GRACE, BLOCK_LOCK, BLOCK_KINDS };

/* Why a function blocks: a call in it, and what that calls. */
struct cause {
    const struct pcall *call;       /* NULL: the function itself is a leaf */
    const struct pfunction *callee; /* NULL: the pointer that is called says so */
    bool set;
    int param;      /* it blocks if this parameter does, which it calls; -1: in any case */
    uint32_t round; /* that the function's callers were last looked at in */
};

struct blocks {
    struct program *program;
    struct findings *findings;
    struct cause *causes; /* by function number and kind */
    GHashTable *told;     /* struct ir_event */
};

struct cause *blocking_cause(const struct blocks *b, const struct pfunction *function,
                             enum blocking kind);
struct ir_path *blocking_argument_path(const struct pcall *call, int number);
bool blocking_takes_sleeping(const struct blocks *b, const struct pcall *call,
                             const struct pfunction *target);
bool blocking_stops(const struct pfunction *function);
bool blocking_slot_says(const struct pcall *call, enum annotation_kind kind);
bool blocking_here(const struct blocks *b, const struct pcall *call,
                   const struct pfunction *function, enum blocking kind, int *param);
void blocking_spread(struct blocks *b, enum blocking kind);

#endif
