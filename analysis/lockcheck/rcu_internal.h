/* What check_rcu.c and rcu_escape.c share. */
#ifndef LOCKCHECK_RCU_INTERNAL_H
#define LOCKCHECK_RCU_INTERNAL_H

#include "flow.h"
#include "fresh.h"
#include "phase.h"

/* What a function does to read sections and protected objects. */
struct rcu_summary {
    int delta;       /* read sections that it leaves open, or closes for its caller */
    bool grace;      /* it waits for a grace period */
    bool returns;    /* a pointer that it has read from a protected place */
    uint64_t frees;  /* parameters that it frees before any grace period */
    uint64_t derefs; /* parameters that it follows */
};

struct rcu {
    struct program *program;
    struct findings *findings;
    struct fresh *fresh;
    struct phases *phases;
    GHashTable *protected;         /* of struct ir_variable */
    GHashTable *writers;           /* struct ir_variable -> GHashTable of struct lock_class */
    struct rcu_summary *summaries; /* by function number */
};

/* How a call gets at a protected pointer. */
enum rcu_access {
    RCU_NOT,
    RCU_DEREFERENCE, /* by a reader */
    RCU_LOCKED,      /* by an updater, who excludes others */
    RCU_LOOK,        /* only to compare it */
    RCU_PUBLISH,     /* with release */
    RCU_INIT,        /* before readers can reach it */
    RCU_RELAXED,     /* stored without release */
};

/* `place` is the protected path among the arguments (not owned), `value` what
 * is stored there, or NULL. */
enum rcu_access rcu_access_of(const struct program *program, const struct ir_event *event,
                              const struct ir_path **place, const struct ir_value **value);
/* The protected variable that a path ends in (elements of an array included),
 * or NULL. */
const struct ir_variable *rcu_protected_at(const struct rcu *rcu, const struct ir_path *path,
                                           const struct ir_function *function);
bool rcu_is_looked_into(const struct pfunction *function);

/* Pointers that outlive their section, and objects freed too early. */
void rcu_check_escapes(struct rcu *rcu);

#endif
