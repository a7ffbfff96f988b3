/* The graph along which functions, and addresses of locks, flow through
 * pointers: slot_graph.c builds and solves it, program_slots.c makes slots of
 * its nodes. */
#ifndef LOCKCHECK_SLOT_GRAPH_H
#define LOCKCHECK_SLOT_GRAPH_H

#include "program_internal.h"

enum node_kind { NODE_FIELD, NODE_GLOBAL, NODE_PARAM, NODE_LOCAL, NODE_RESULT };

struct node {
    GArray *edges;        /* of uint32_t */
    GPtrArray *functions; /* of struct pfunction */
    GArray *origins;      /* of struct ir_loc */
    GHashTable *seen;     /* the same as functions, once they are many */
    GPtrArray *calls;     /* of struct pcall: made through this node */
    GPtrArray *locks;     /* of struct stored_lock, in the graph's list: pointed to from here */
    GHashTable *locks_seen;
    const struct ir_variable *variable;
    struct pslot *slot;
    const char *a; /* FIELD: key of the record; GLOBAL: symbol; else the function's name */
    const char *b; /* FIELD: name */
    uint32_t number;
    uint32_t done, locks_done; /* that were handed on */
    uint8_t kind;
    bool escapes;
    bool escape_done;
    bool queued;
};

struct slot_graph {
    struct program *program;
    GArray *nodes;       /* of struct node */
    uint32_t *base;      /* by function number: first node of its parameters, locals, result */
    GHashTable *fields;  /* "record\nname" -> node + 1 */
    GHashTable *globals; /* symbol -> node + 1 */
    GHashTable *edges;   /* both ends in one number */
    GArray *queue;       /* of uint32_t */
    GPtrArray *locks;    /* of struct stored_lock, owned */
};

#define NO_NODE UINT32_MAX

static inline struct node *node_at(const struct slot_graph *graph, uint32_t number)
{
    return &g_array_index(graph->nodes, struct node, number);
}

struct slot_graph *slot_graph_new(struct program *program);
/* Nodes that shall be there even if nothing is stored in them. */
uint32_t slot_graph_add_field(struct slot_graph *graph, const char *record, const char *name);
/* Fills the nodes, and the targets of the program's calls. */
void slot_graph_solve(struct slot_graph *graph);
/* The node of a place, or NO_NODE. */
uint32_t slot_graph_node(const struct slot_graph *graph, const struct pfunction *function,
                         const struct ir_path *path);

/* For slot_flow.c. */
uint32_t slot_path_node(const struct slot_graph *graph, const struct pfunction *function,
                        const struct ir_path *path, bool create);
uint32_t slot_result_node(const struct slot_graph *graph, const struct pfunction *function);
void slot_add_function(struct slot_graph *graph, uint32_t number, struct pfunction *function,
                       struct ir_loc origin);
void slot_add_escape(struct slot_graph *graph, uint32_t number);
void slot_add_lock(struct slot_graph *graph, uint32_t number, struct stored_lock *lock);
void slot_hand_on(struct slot_graph *graph, uint32_t from, uint32_t to, guint first);
void slot_hand_on_locks(struct slot_graph *graph, uint32_t from, uint32_t to, guint first);
void slot_add_edge(struct slot_graph *graph, uint32_t from, uint32_t to);

/* slot_flow.c: the edges that a function's body makes; hands on what is new in
 * a node. */
void slot_flow_build(struct slot_graph *graph, const struct pfunction *function);
void slot_flow_propagate(struct slot_graph *graph, uint32_t number);

#endif
