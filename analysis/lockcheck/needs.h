/* Locks that code needs and that nobody in sight holds.
 *
 * A check visits every function with every state that reaches its events, and
 * says what has to be held. What is not held by a function that states no
 * contract is needed by its callers instead, in terms of their arguments, and
 * so on up to somebody who holds it, or to whom the object is not shared yet.
 * What is left at the top is reported, with the way there. */
#ifndef LOCKCHECK_NEEDS_H
#define LOCKCHECK_NEEDS_H

#include "contract.h"
#include "fresh.h"
#include "phase.h"

struct needs;

/* What an event needs. */
struct need_spec {
    enum check_id check;
    const struct ir_path *lock; /* in terms of the function; NULL if only its class is known */
    const struct lock_class *class;
    const struct ir_path *object;   /* whose lock it is: not needed while that is fresh; or NULL */
    const char *subject;            /* "struct queue.length", "queue_flush" */
    const char *lock_text;          /* for people */
    const struct pfunction *target; /* what is called; NULL: data, or a pointer's contract */
    struct ir_loc declared;         /* where it is said that the lock is needed */
    bool shared;                    /* holding it in shared mode is enough */
    bool call;                      /* the subject is called, not accessed */
    bool rcu;                       /* a read section, or the writer's lock */
    bool updater;                   /* rcu: the writer's lock, a section is not enough */
    bool init;                      /* that nobody else can see the object, which `lock` is then */
    GHashTable *writers;            /* rcu: classes of writers' locks; empty: any */
};

typedef void needs_collector(void *context, struct needs *needs, struct pfunction *function,
                             const struct ir_event *event, const struct flow_state *state);

/* Visits the whole program, callees first, and reports. */
void needs_run(struct program *program, struct findings *findings, struct fresh *fresh,
               struct phases *phases, needs_collector *collect, void *context);

/* For the collector: the event needs this in this state. */
void needs_require(struct needs *needs, struct pfunction *function, const struct ir_event *event,
                   const struct flow_state *state, const struct need_spec *spec);
struct fresh *needs_fresh(const struct needs *needs);

/* Fills in the records of FIELD steps that a path from a pointer's contract
 * lacks. */
void needs_complete_path(const struct program *program, const struct ir_function *function,
                         struct ir_path *path);

#endif
