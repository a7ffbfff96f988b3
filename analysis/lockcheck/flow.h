/* Who holds what, where: a path-sensitive walk over each function's graph.
 *
 * A state is the set of locks held, what is known of local pointers (which
 * object they point to) and of conditions (value compared with a constant).
 * Branches on what is known take one way; everything else takes both. Callees
 * come before callers, and a call applies the callee's summary: per way out
 * of the callee, the locks taken and dropped in terms of its parameters, and
 * what is known of its result.
 *
 * Locks that the caller holds by contract (requires) are held at entry. */
#ifndef LOCKCHECK_FLOW_H
#define LOCKCHECK_FLOW_H

#include "program.h"

/* All locks that one declaration stands for: a global, a field of a record,
 * a local, an abstract capability. Order is between classes. */
struct lock_class {
    const char *name;                   /* "struct queue.lock", "log_lock", "rcu" */
    const struct ir_variable *variable; /* the declaration, or NULL */
    const char *record;                 /* key of the struct that it is a field of, or NULL */
    enum lock_recursion recursion;
    bool nonblocking; /* nothing under it may block */
    bool keyed;       /* several at once by ascending key */
    bool rcu;         /* the RCU read section */
    bool role;        /* a thread role or another abstract capability: no order */
    struct ir_loc loc;
    uint32_t number;
};

struct held {
    struct ir_path *path;           /* the lock object in terms of the function, aliases resolved */
    const struct lock_class *class; /* NULL while it is only known as a parameter's object */
    enum rule_mode mode;
    uint32_t count; /* of recursive locks */
    struct ir_loc loc;
    const struct pcall *via; /* the call that took it, or NULL: at entry */
    bool entry;
    bool asserted;
};

struct flow_state;

/* Computes all summaries, and reports balance, double release, self-deadlock
 * and wait findings on the way. */
void flow_run(struct program *program, struct findings *findings);
void flow_free(struct program *program);

uint32_t flow_held_count(const struct flow_state *state);
const struct held *flow_held(const struct flow_state *state, uint32_t number);
/* The held lock that is the object of `path` (aliases resolved), or NULL. */
const struct held *flow_find(const struct flow_state *state, const struct ir_path *path);
const struct held *flow_find_class(const struct flow_state *state, const struct lock_class *class);
/* What a local pointer is known to hold: `path` with aliases resolved; to be freed. */
struct ir_path *flow_resolve(const struct flow_state *state, const struct ir_path *path);

/* Whether the function takes any lock, by itself or through what it calls. */
bool flow_takes(const struct pfunction *function);

/* Walks a function again after flow_run; `visit` is called for each event with
 * each state that reaches it (before the event has happened), and with a NULL
 * event at each return. */
typedef void flow_visitor(void *context, struct pfunction *function, const struct ir_block *block,
                          const struct ir_event *event, const struct flow_state *state);
void flow_visit(struct program *program, struct pfunction *function, flow_visitor *visit,
                void *context);

const struct lock_class *lock_class_of_path(const struct program *program,
                                            const struct ir_path *path,
                                            const struct ir_function *function);
const struct lock_class *lock_class_named(const struct program *program, const char *name);
const GPtrArray *lock_classes(const struct program *program);
/* The name that the program itself gives to the class at run time, where it
 * initialises its locks with one (lock_class_name.c); otherwise NULL. Interned. */
const char *lock_class_runtime_name(const struct program *program, const struct lock_class *class);

/* The order graph: an edge from a class to one that is taken while the first
 * is held, with the steps that show it. */
struct order_step {
    struct ir_loc loc;
    char *text; /* "foo takes struct queue.lock", "calls bar" */
};
struct order_edge {
    const struct lock_class *from, *to;
    enum rule_mode from_mode, to_mode;
    bool direct;  /* no lock that was taken in between tells of it too */
    bool trylock; /* the second cannot wait: no deadlock by itself */
    bool dying;   /* only in calls that never come back: nobody lives to wait for them */
    /* The class of pointers through which one of them, or both one after the
     * other, are taken (order_members.c); or NULL. */
    const struct lock_class *via_from, *via_to, *set;
    const char *relation; /* from == to: how the second is found from the first; "" is unknown */
    const char *first, *second; /* from == to, both globals: what they are called */
    GPtrArray *gates;           /* of struct lock_class: held exclusively whenever this happens */
    uint64_t lone_thread;       /* not 0: this happens on one thread only, which has this number */
    GPtrArray *steps; /* of struct order_step: from taking the first to taking the second */
    const char *function;
    struct ir_loc loc; /* where the second is taken, or the call that leads there */
};
struct order_graph {
    GPtrArray *edges; /* of struct order_edge, one per pair, modes and relation */
};
struct order_graph *order_graph_new(struct program *program);
void order_graph_free(struct order_graph *graph);
/* Cycles in it. */
void check_order(struct program *program, const struct order_graph *graph,
                 struct findings *findings);
/* Drops waits that keep a lock which nobody needs to end them. */
void check_waits(struct program *program, const struct order_graph *graph,
                 struct findings *findings);
/* Against acquired_after and acquired_before, and LOCK_CLASS ranks. */
void check_declared_order(struct program *program, const struct order_graph *graph,
                          struct findings *findings);

/* The other checks, one per file. */
void check_contracts(struct program *program, struct findings *findings);
void check_roles(struct program *program, struct findings *findings);
void check_blocking(struct program *program, struct findings *findings);
void check_sharing(struct program *program, struct findings *findings);
void check_guards(struct program *program, struct findings *findings);
void check_rcu(struct program *program, struct findings *findings);
void check_annotations(struct program *program, struct findings *findings);

#endif
