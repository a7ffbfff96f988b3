/* How a function leaves: what the ways out of it, as a walk found them, did to
 * locks. Collected and, without a contract, judged in flow_balance.c; compared
 * with the contract in flow_promise.c. */
#ifndef LOCKCHECK_FLOW_EXITS_H
#define LOCKCHECK_FLOW_EXITS_H

#include "flow_internal.h"

struct exit_lock {
    const struct place *place; /* until the end of the walk */
    const char *text;
    const struct lock_class *class;
    int delta;
    struct ir_loc loc, taken;
    struct pfunction *from;
    bool exported; /* callers have a name for it */
    bool place_is_global;
    bool element; /* of an array, or named by what is not known */
};

struct way {
    GArray *locks;      /* of struct exit_lock */
    GArray *touched;    /* of struct place *: taken and dropped */
    GArray *conditions; /* of struct fact */
    GArray *answers;    /* of struct out_store: numbers left where callers can find them */
    struct range range;
    struct ir_loc loc;
    bool coarse;
    bool kept_entry; /* an entry lock is still held */
};

struct exits {
    struct flow_function *ff;
    GPtrArray *ways;      /* of struct way */
    GHashTable *acquired; /* place -> loc of a lock that is taken somewhere in the function */
    bool reported;
};

/* The lock among those that the way leaves changed, or NULL. */
const struct exit_lock *way_lock(const struct way *way, const struct place *place);
/* Whether it was taken and dropped on the way. */
bool way_touched(const struct way *way, const struct place *place);
void exits_report_leak(struct findings *findings, const struct flow_function *ff,
                       const struct way *way, const struct exit_lock *lock, const char *why);

/* flow_promise.c: what the ways out do against what the contract says. */
void promises_check(struct flow *flow, const struct exits *exits, struct findings *findings);
/* What callers hold by contract is still held; true if that is not so. */
bool promises_check_required(struct flow *flow, const struct exits *exits,
                             struct findings *findings);

/* flow_proxy.c: the function takes or releases `capability`, which is no
 * object, by way of `lock`; NULL: in a way that is not followed. */
void proxies_add(struct flow *flow, const struct pfunction *function,
                 const struct place *capability, bool acquires, const struct exit_lock *lock);
void proxies_report(struct flow *flow, struct findings *findings);

#endif
