/* What needs.c and needs_held.c share. */
#ifndef LOCKCHECK_NEEDS_INTERNAL_H
#define LOCKCHECK_NEEDS_INTERNAL_H

#include "needs.h"

struct note {
    struct ir_loc loc;
    char *text;
};

struct need {
    struct ir_path *lock;
    const struct lock_class *class;
    const char *subject; /* interned, like lock_text */
    const char *lock_text;
    enum check_id check;
    bool shared;
    bool call;
    bool rcu, updater;
    bool init;
    bool threaded; /* threads were started before, by the function or below */
    int param;     /* only if this parameter is `target`: it is called through it; or -1 */
    const struct pfunction *target;
    GHashTable *writers;
    struct ir_loc declared;
    struct ir_loc loc;
    const char *function; /* symbol, for the finding */
    bool wrong_mode;      /* held, but only shared */
    GArray *notes;        /* of struct note: calls on the way up */
};

/* Whether the state holds what is needed; `wrong_mode` if it does, shared. */
bool need_is_held(const struct need *need, const struct flow_state *state, bool *wrong_mode);
void need_report(struct findings *findings, const struct need *need);
/* The function has the need, and leaves it to its callers. */
void need_report_unstated(struct findings *findings, const struct need *need, const char *name);

#endif
