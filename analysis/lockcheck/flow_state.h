/* One state of a walk: what is held, and what is known of variables and
 * conditions, at one point of a function on some path to it. */
#ifndef LOCKCHECK_FLOW_STATE_H
#define LOCKCHECK_FLOW_STATE_H

#include "flow.h"
#include "flow_place.h"

/* What a value may be: lo..hi without some. */
struct range {
    int64_t lo, hi;
    int64_t ne[3];
    uint8_t ne_count;
};

struct binding {
    const struct place *place;
    const struct term *term;
};

struct fact {
    const struct term *term;
    struct range range;
    bool kept; /* a lock was taken or dropped while it was known: dropped last */
};

struct flow_lock {
    struct held held; /* .path is place_path(place) */
    const struct place *place;
    bool retaken; /* the caller held it, it was dropped and taken again */
    bool bulk;    /* stands for the same lock of earlier rounds of a loop */
    bool trylock;
    bool looked_up;         /* `from` has found the object by itself */
    struct pfunction *from; /* the function that was called to take it, or NULL */
};

/* A lock that is not held any more. */
struct gone {
    const struct place *place;
    const struct lock_class *class;
    enum rule_mode mode;
    struct ir_loc loc;
    struct ir_loc taken;    /* where it had been taken, if that is known */
    struct ir_loc inner;    /* in a called function: where that dropped it */
    struct pfunction *from; /* the function that was called to drop it, or NULL */
    bool looked_up;         /* that has found the object by itself */
};

struct walk;

struct flow_state {
    struct walk *walk;
    GArray *env;      /* of struct binding; NULL: none, likewise the others */
    GArray *facts;    /* of struct fact */
    GArray *locks;    /* of struct flow_lock */
    GArray *released; /* of struct gone: the caller's locks that were dropped */
    GArray *dropped;  /* of struct gone: taken here, and dropped again */
    bool coarse;      /* conditions were forgotten: paths may be impossible ones */
    uint16_t joins;   /* states that went into this one, flow_join.c */
};

extern const struct range range_any;
bool range_is_any(const struct range *range);
bool range_is_empty(const struct range *range);
bool range_has(const struct range *range, int64_t number);
void range_restrict(struct range *range, enum ir_compare op, int64_t number);
/* To what either allows. */
void range_join(struct range *range, const struct range *other);
bool range_disjoint(const struct range *a, const struct range *b);

struct flow_state *state_new(struct walk *walk);
struct flow_state *state_copy(const struct flow_state *state);
void state_free(struct flow_state *state);
/* Equal states have equal hashes; 64 bits, so that in practice unequal ones
 * have not. */
uint64_t state_hash(const struct flow_state *state);
/* The same of what is held and was dropped alone. */
uint64_t state_lock_hash(const struct flow_state *state);

/* The same of all that a called function's takes depend on. */
uint64_t state_call_hash(const struct flow_state *state, const struct ir_event *event);

/* Reading. NULL is unknown. */
const struct term *state_value(const struct flow_state *state, const struct place *place);
const struct place *state_place(const struct flow_state *state, const struct ir_path *path);
/* Whether a variable still leads to the object. */
bool state_leads_to(const struct flow_state *state, const struct place *place);
/* state_place, without the fields of lock wrappers at its end. */
const struct place *state_lock_place(const struct flow_state *state, const struct ir_path *path);
const struct term *state_term(const struct flow_state *state, const struct ir_value *value);
const struct fact *state_fact(const struct flow_state *state, const struct term *term);
/* What is known of the number that a term stands for. */
struct range state_range(const struct flow_state *state, const struct term *term);
/* 1, 0, or -1: unknown. */
int state_truth(const struct flow_state *state, const struct term *term);

/* Changing. */
void state_bind(struct flow_state *state, const struct place *place, const struct term *term);
/* What passes the test is forgotten. */
typedef bool binding_test(const struct flow_state *state, const struct binding *binding,
                          const void *context);
typedef bool fact_test(const struct flow_state *state, const struct fact *fact,
                       const void *context);
void state_drop_bindings(struct flow_state *state, binding_test *test, const void *context);
void state_drop_facts(struct flow_state *state, fact_test *test, const void *context);
/* The event gives an unknown value to `place`; its term. */
const struct term *state_unknown(struct flow_state *state, const struct place *place,
                                 uint32_t number);
/* False if that cannot be. */
bool state_assume(struct flow_state *state, const struct term *term, bool truth);
bool state_assume_range(struct flow_state *state, const struct term *term,
                        const struct range *range);
/* Others may have changed what is in memory. */
void state_forget_memory(struct flow_state *state, bool kept_too, const GHashTable *names);
void state_forget_fact(struct flow_state *state, const struct term *term);
/* The present opaque value `number` is that of an earlier round from now on. */
void state_age(struct flow_state *state, uint32_t number);
/* `into` knows what both know, at a point of the function; both hold the same
 * locks. False if it knew no more before. */
bool state_join(struct flow_state *into, const struct flow_state *from, uint32_t point);
/* The state comes to the point (again). */
void state_leave_join(struct flow_state *state, uint32_t point);
void state_forget_conditions(struct flow_state *state, bool kept_too);

struct flow_lock *state_find_lock(const struct flow_state *state, const struct place *place,
                                  enum rule_mode mode);
/* state_age for what is held and was dropped. */
void state_age_locks(struct flow_state *state, uint32_t number);
void gone_remember(GArray **list, const struct gone *gone);
struct gone *gone_find(GArray *list, const struct place *place);
/* `gone` may be NULL. */
void gone_remove(GArray *list, const struct gone *gone);
/* Those that are of opaque `number`; false if none was. The others stay in the order
 * in which they came: the first is who goes when the list is full. */
bool gone_forget(GArray *list, uint32_t number);
/* The lock is taken. NULL: held already, the caller reports it. */
void state_acquire(struct flow_state *state, const struct flow_lock *lock);
/* The held lock that a release means, or NULL. */
struct flow_lock *state_lock_of_release(const struct flow_state *state, const struct gone *gone);
/* False if it was neither held here nor can be the caller's. */
bool state_release(struct flow_state *state, const struct gone *gone);

#endif
