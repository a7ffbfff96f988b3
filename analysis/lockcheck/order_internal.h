/* What order_graph.c and the checks on it share. */
#ifndef LOCKCHECK_ORDER_INTERNAL_H
#define LOCKCHECK_ORDER_INTERNAL_H

#include "flow_internal.h"

/* How the second of two locks of one class is found from the first: "ascending",
 * "descending", "->next", "against ->next", or "" if that is not known. */
const char *order_relation(const struct flow_state *state, const struct place *first,
                           const struct place *second);

/* order_members.c. Whether locks of the class are pointers, and it is known to
 * which locks. */
bool order_has_members(const struct flow *flow, const struct lock_class *class);

/* Whether it is one lock in the whole program. */
bool order_is_fixed(const struct place *place);

/* Whether who wants a lock in one mode waits for who has it in another. */
bool order_conflict(const struct flow *flow, const struct lock_class *class, enum rule_mode has,
                    enum rule_mode wants);

/* The steps of an edge as notes. */
void order_notes(struct finding *finding, const struct order_edge *edge);

/* lock_class_name.c: the rank that the program gives to the class, if it does. */
bool lock_class_rank(const struct program *program, const struct lock_class *class, int64_t *rank);

/* While the graph is built. */
struct order_occurrence {
    uint32_t function;
    GPtrArray *gates; /* of struct lock_class */
};

struct built_edge {
    struct order_edge edge; /* first: given out as this */
    bool entry;             /* the first lock is held by contract: a weak witness */
    uint32_t length;
    GArray *occurrences;
    bool ungated;
};

struct order_site {
    uint32_t caller, callee;
    GPtrArray *held;
};

struct order_builder {
    struct flow *flow;
    GHashTable *edges; /* of struct built_edge */
    GPtrArray *list;
    GArray *sites; /* of struct order_site */
};

/* order_graph.c: the edge that is like this one, made if there is none; then it
 * has no steps. */
struct built_edge *order_edge(struct order_builder *builder, const struct order_edge *wanted);

/* order_members.c: puts the locks that are pointed to in place of the pointers. */
void order_members_find(struct order_builder *builder);

/* order_gates.c: notes what else is held when this happens; then, with all that
 * has been noted, what always is, and on which threads it happens. */
void order_gates_note(struct built_edge *edge, const struct flow_state *state,
                      const struct flow_lock *held, const struct take *take);
void order_gates_find(struct order_builder *builder);
void order_threads_find(const struct order_builder *builder);

#endif
