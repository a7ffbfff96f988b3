/* What the files of flow share: the graph of a function, a walk through it,
 * and the summary that a walk makes. */
#ifndef LOCKCHECK_FLOW_INTERNAL_H
#define LOCKCHECK_FLOW_INTERNAL_H

#include "flow_state.h"

/* What was known of the values at entry when something happened; an empty
 * place is any. */
struct premise {
    const struct term *term; /* NULL: nothing */
    struct range range;
};
enum { PREMISES = 2 };

/* A lock that a function takes by itself or through what it calls. Entries
 * point to the entry of the called function that they come from, which was
 * there before: following `inner` ends. */
struct take {
    const struct place *place;      /* in terms of the function, or NULL */
    const struct lock_class *class; /* or NULL: a parameter's object, known to the caller */
    enum rule_mode mode;
    bool trylock;
    bool retake; /* the caller held it, and it was dropped before */
    bool under;  /* a lock that the function took is held then */
    bool dying;  /* in a call that never comes back */
    bool grace;  /* no lock is taken: waits for a grace period, that is for readers */
    struct premise premises[PREMISES];
    const struct place *without[2]; /* caller's locks that are dropped at this point */
    struct ir_loc loc;
    const struct pfunction *function; /* that has loc in it */
    const char *callee;               /* name of what is called there */
    const struct take *inner;
    uint32_t length; /* of the chain */
};

/* A condition wait, likewise; or a wait until a function on another thread has
 * run. */
struct wait {
    struct premise premises[PREMISES];
    const struct pfunction *thread; /* NULL: a condition wait */
    const struct place *place;      /* the mutex that is released meanwhile, or NULL: unknown */
    const struct lock_class *class;
    const struct ir_variable *condition; /* or NULL: it has no name */
    const struct place *without[2];
    bool held; /* the mutex was taken in the function or below */
    struct ir_loc loc;
    const struct pfunction *function;
    const char *callee;
    const struct wait *inner;
    uint32_t length;
};

struct out_store {
    const struct place *place;
    const struct term *term;
};

/* One way out of a function. All places are in the program's table. */
struct out {
    GArray *acquired;          /* of struct flow_lock; NULL: none, likewise the others */
    GArray *released;          /* of struct gone */
    GArray *dropped;           /* of struct gone: taken and dropped, where other ways out keep it */
    GArray *conditions;        /* of struct fact, on what was there at entry */
    GArray *stores;            /* of struct out_store: pointers to locks and their objects */
    const struct term *result; /* NULL: only the range is known */
    struct range range;        /* of the result */
    struct ir_loc loc;         /* of the first return that leaves so */
    bool coarse;
};

struct summary {
    GPtrArray *outs;  /* of struct out */
    GPtrArray *takes; /* of struct take */
    GPtrArray *waits; /* of struct wait */
    GHashTable *take_index;
    uint64_t signature; /* of outs */
};

/* The graph as walks need it. */
struct graph {
    uint32_t count;
    uint32_t *order;    /* block -> place in reverse postorder, UINT32_MAX if unreachable */
    uint32_t *by_order; /* the inverse */
    uint32_t reachable;
    uint32_t *first_event; /* block -> number of its first event */
    bool *in_loop;
    bool *condition_kept;        /* block -> what its branch tells is worth remembering */
    bool *may_release;           /* block -> a call may follow that drops a lock */
    GHashTable *condition_names; /* of fields and globals that branches look at */
    uint32_t locals;
    uint32_t live_words; /* 0: liveness is not known */
    uint64_t *live;      /* of locals at the start of a block */
};

enum contract_kind { CONTRACT_NONE, CONTRACT_RULES, CONTRACT_ANNOTATED };

struct flow_function {
    struct pfunction *function;
    enum contract_kind contract;
    bool believed;       /* the body is not looked into */
    bool relevant;       /* locks matter in it or in what it calls */
    bool opaque_pointer; /* returns a pointer: the alias may matter */
    bool writes_anything;
    GHashTable *writes; /* names of fields and globals that it or what it calls writes; or NULL */
    struct summary *summary;
    struct graph *graph;
    bool fork;        /* runs around a fork: takes all locks before, drops them after */
    bool signal;      /* a signal handler */
    bool root;        /* is called with nothing held: main, start of a thread, later callback */
    bool bulk;        /* takes a loop's worth of locks: balance is not decided */
    GPtrArray *used;  /* of const struct lock_class *: taken by it, and dropped by a caller */
    uint64_t changed; /* the round of a cycle of calls in which the summary changed last */
};

/* A wait that keeps a lock: whether that is a finding, is decided by
 * check_waits.c. */
struct kept_wait {
    struct finding *finding;
    const struct lock_class *class;
    const struct ir_variable *condition;
    const struct pfunction *function;
    GPtrArray *held; /* of struct lock_class: all that are */
};

struct names;

struct flow {
    struct program *program;
    struct place_table *places;
    GPtrArray *functions;      /* of struct flow_function */
    GPtrArray *takes, *waits;  /* all, owned */
    GHashTable *threads;       /* struct ir_variable of a handle -> GPtrArray of struct pfunction */
    GHashTable *created;       /* function -> loc of the call that has it run on another thread */
    GPtrArray *starts, *loose; /* of struct pfunction: all starts of threads, untold ones */
    GPtrArray *grace_calls;    /* of struct pfunction: called after grace periods */
    GHashTable *written_classes; /* classes that somebody takes exclusively */
    GHashTable *said;            /* see flow_report.c */
    GPtrArray *exits;            /* see flow_exits.c */
    GPtrArray *proxies;          /* see flow_proxy.c */
    GHashTable *given_types;     /* see flow_promise.c */
    GPtrArray *doubtful;         /* see flow_balance.c */
    GPtrArray *kept_waits;       /* of struct kept_wait; NULL: none */
    GHashTable *slots;           /* struct pslot -> summary of its contract */
    GHashTable *classes;         /* key -> struct lock_class, see lock_class.c */
    GPtrArray *class_list;
    GHashTable *class_notes; /* see lock_class.c */
    uint32_t unknown_locks;
    uint32_t widened;    /* premises that were given up: summaries have changed */
    struct names *names; /* see lock_class_name.c */
    void (*free_names)(struct names *names);
    struct findings *findings;
};

struct flow *flow_of(const struct program *program);
struct flow_function *flow_function_of(const struct pfunction *function);

typedef void walk_return(void *context, struct walk *walk, const struct ir_block *block,
                         struct flow_state *state);
struct walk {
    struct flow *flow;
    struct program *program;
    struct pfunction *function;
    struct flow_function *ff;
    struct place_table *places;
    const struct graph *graph;
    flow_visitor *visit;
    walk_return *leave;
    void *context;
    struct summary *summary; /* takes and waits are noted here; NULL: not wanted */
    uint32_t number;         /* of the event */
    bool bounded;
    GHashTable *join_numbers; /* see flow_join.c */
    GHashTable *noted;        /* see flow_event.c */
};

/* flow_graph.c */
struct graph *graph_new(const struct program *program, const struct ir_function *function);
void graph_free(struct graph *graph);
bool graph_live(const struct graph *graph, uint32_t block, uint32_t local);

/* flow.c: whether anything in the function can change what is held, or
 * something is held from its start. Where not, one state for a block will do. */
bool flow_changes(const struct flow_function *ff);

/* flow_walk.c */
void walk_function(struct walk *walk);

/* flow_event.c */
void event_assign(struct flow_state *state, const struct ir_event *event);
/* The states after a call; takes `state` over. */
void event_call(struct flow_state *state, const struct ir_event *event, GPtrArray *after);

/* flow_dead.c: forgets what cannot matter from the block on. */
void state_drop_dead(struct flow_state *state, uint32_t block);

/* flow_effect.c: what a call does, in terms of the caller. Takes and waits are
 * many: only with `notes`. */
struct effect {
    GPtrArray *outs;                /* of struct out: one or more ways that it can end */
    GPtrArray *takes;               /* of struct take; `inner` is the callee's */
    GPtrArray *waits;               /* of struct wait */
    bool known;                     /* something is known of the function */
    const struct place *forget[2];  /* locks that are initialised or destroyed */
    const struct pfunction *target; /* that it is of, or the first */
    const GHashTable *writes;
    bool writes_anything;
};
struct effect *effect_of_call(struct walk *walk, const struct flow_state *state,
                              const struct ir_event *event, bool notes);
void effect_free(struct effect *effect);
void out_free(void *data);
struct out *out_new(struct ir_loc loc);

/* flow_contract.c */
void contract_read(struct flow *flow, struct flow_function *ff);
struct summary *contract_summary(struct flow *flow, const struct pfunction *function,
                                 const GPtrArray *annotations);
/* Locks held at entry by contract are added to the state. */
void contract_enter(struct flow *flow, const struct pfunction *function, struct flow_state *state);
bool annotations_lock(const GPtrArray *annotations);
const struct place *place_of_path(struct flow *flow, const struct ir_path *path);

/* flow_summary.c */
struct summary *summary_new(void);
void summary_free(struct summary *summary);
/* Makes the summary of ff anew; true if it changed. */
bool summary_compute(struct flow *flow, struct flow_function *ff);
/* The place in the program's table, or NULL. `result` is the object that the
 * function returns a pointer to, if nobody outside has another name for it. */
const struct place *summary_place(struct flow *flow, const struct place *place,
                                  const struct place *result);

/* flow_outs.c */
void outs_simplify(GPtrArray *outs);

/* flow_take.c */
GHashTable *take_index_new(void); /* a set of struct take: one of each kind */
struct take *summary_add_take(struct flow *flow, struct summary *summary, const struct take *take);
struct wait *summary_add_wait(struct flow *flow, struct summary *summary, const struct wait *wait);
/* An order through this lock needs no other to tell of it. */
bool lock_orders(const struct flow_lock *l);
/* Notes the takes and waits of an event in the walk's summary. */
void summary_note(struct walk *walk, const struct flow_state *state, const struct effect *effect);

/* lock_class.c */
const struct lock_class *class_of_place(struct flow *flow, const struct place *place,
                                        const struct ir_function *function);
/* Makes one up for the lock that a parameter points to, of its type alone. */
bool class_of_given(struct flow *flow, const struct place *place,
                    const struct ir_function *function, struct lock_class *class);
const struct place *place_strip(struct flow *flow, const struct place *place);
void classes_free(struct flow *flow);
/* Mutexes that are made recursive when they are initialised. */
void find_recursive_mutexes(struct flow *flow);
const struct lock_class *class_of_capability(struct flow *flow, const char *name);

/* flow_report.c */
void report_function(struct flow *flow, struct flow_function *ff, struct findings *findings);
/* Two locks of one class: 1 if the second is known to come after the first, -1
 * before, 0 if nothing is known. */
int places_order(const struct flow_state *state, const struct place *first,
                 const struct place *second);
void note_take_chain(struct finding *finding, const struct take *take,
                     const struct ir_function *function);

/* flow_exits.c */
struct exits;
struct exits *exits_new(struct flow_function *ff);
void exits_add(struct exits *exits, const struct flow_state *state, const struct ir_block *block);
/* After the walk of the function, while its places are there. */
void exits_finish(struct flow *flow, struct exits *exits, struct findings *findings);

/* flow_intent.c: a lock that a call to `from` had taken was released by the caller. */
void balance_used(struct pfunction *from, const struct lock_class *class);
/* flow_balance.c: is no finding after all if `from` is itself at fault. */
void balance_doubtful(struct flow *flow, struct finding *finding, struct pfunction *from,
                      const struct lock_class *class);
void report_balance(struct flow *flow, struct findings *findings);

/* flow_wait.c */
void waits_prepare(struct flow *flow);
void waits_free(struct flow *flow);
/* The functions that a call waits for, as waits of the effect. */
void waits_of_call(struct walk *walk, const struct flow_state *state, const struct ir_event *event,
                   const struct pfunction *target, const struct pcall *call, struct effect *effect);
/* The variable of the condition that a call waits for or signals, or NULL. */
const struct ir_variable *wait_condition(const struct program *program,
                                         const struct pfunction *function,
                                         const struct ir_event *event);
void report_wait(const struct flow_state *state, const struct ir_event *event,
                 const struct wait *wait, struct findings *findings);

#endif
