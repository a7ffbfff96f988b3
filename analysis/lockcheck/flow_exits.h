/* How a function leaves: what the ways out of it, as a walk found them, did to
 * locks. Collected in flow_exits.c; compared with the contract in
 * flow_promise.c or, without one, judged in flow_balance.c. */
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
/* What the way leaves in the place, or NULL: not a number that is known. */
const struct term *way_answer(const struct way *way, const struct place *place);
/* Whether the conditions of one exclude those of the other. */
bool way_contradicts(const struct way *a, const struct way *b);

void exits_report_leak(struct findings *findings, const struct flow_function *ff,
                       const struct way *way, const struct exit_lock *lock, const char *why);

/* flow_intent.c: what of that is meant. How many ways take the lock, drop it,
 * and do neither. */
struct way_count {
    unsigned plus, minus, none;
};
struct way_count exits_count(const struct exits *exits, const struct place *place);
bool exits_have_other_half(const struct flow *flow, const struct exits *exits,
                           const struct exit_lock *lock);
bool exits_are_two_in_one(const struct exits *exits, const struct way *way,
                          const struct exit_lock *lock);
bool exits_tell_by_flag(const struct exits *exits, const struct lock_class *class);
bool exits_mean(const struct exits *exits, const struct way *way, const struct exit_lock *lock,
                GHashTable *counterparts);
GHashTable *balance_counterparts(const struct flow *flow);
bool balance_is_used(const struct flow_function *ff, const struct lock_class *class);

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
