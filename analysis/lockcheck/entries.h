/* Where threads begin: functions that are started as threads, that are called
 * later on threads of some role (timers, bottom halves, RCU callbacks), and
 * main(). Roles are bits of a set; a thread may have several. */
#ifndef LOCKCHECK_ENTRIES_H
#define LOCKCHECK_ENTRIES_H

#include "phase.h"

typedef uint64_t role_set; /* bit i: role i of the entries */

struct entry {
    struct pfunction *function;
    const char *role;   /* in the form of role_name, or NULL: nobody says */
    struct ir_loc loc;  /* where it is started or declared */
    const char *reason; /* "started as a thread here" */
    bool thread;        /* a thread of its own, not a callback on one */
    bool many;          /* several such threads may run at once */
    bool bound;         /* a function of a role: nobody is known to start it */
};

struct entries {
    const struct program *program;
    GPtrArray *list;   /* of struct entry */
    GPtrArray *roles;  /* of const char *, interned; at most 64 */
    role_set *bound;   /* by function number: roles that it may run on; 0: any */
    role_set *enters;  /* by function number: roles that its body takes up */
    GPtrArray **reach; /* by function number, once entries_reach has run: of struct entry */
};

struct entries *entries_new(struct program *program);
void entries_free(struct entries *entries);
/* Whether the event may happen again in the same call of the function. */
bool entries_in_loop(const struct ir_function *ir, const struct ir_event *event);
/* Whether the call starts threads with the function. */
bool entries_call_starts(const struct program *program, const struct pcall *call,
                         const struct pfunction *start);

/* The role's bit; 0 if the program has no such role. */
role_set entries_role(const struct entries *entries, const char *role);
/* Any of the set's names. */
const char *entries_role_name(const struct entries *entries, role_set roles);

/* Computes which entries lead to which functions, through calls; afterwards
 * entries_of() answers with an array of struct entry, or NULL. What main()
 * calls while there are no other threads is not reached by it. In programs
 * without annotations, what is called through a pointer is followed only if
 * nothing else can be meant. */
void entries_reach(struct entries *entries, struct phases *phases);
void entries_free_reach(struct entries *entries);
const GPtrArray *entries_of(const struct entries *entries, const struct pfunction *function);

#endif
