/* Where pointers to functions and to locks go: a flow-insensitive points-to
 * analysis.
 *
 * Every place that can hold a pointer is a node: a field of a record (all
 * objects of the type together), a global, and a parameter, local or result of
 * a function. Elements of an array are one node, and so are a pointer to
 * function pointers and what it points to. An assignment is an edge along
 * which functions are copied; the edges of an indirect call's arguments appear
 * when a function reaches the pointer that is called. Copies of structs need no
 * edges, since fields belong to the type.
 *
 * Invariant: what a node has handed on (`done` functions, `locks_done` locks)
 * is in every node that it has an edge to; the queue holds all nodes with more
 * than that. */
#include "slot_graph.h"

#include <string.h>

#define FEW 16

static uint32_t node_new(struct slot_graph *graph, enum node_kind kind, const char *a,
                         const char *b, uint32_t number, const struct ir_variable *variable)
{
    struct node node = {
        .kind = (uint8_t)kind, .a = a, .b = b, .number = number, .variable = variable};

    g_array_append_val(graph->nodes, node);
    return graph->nodes->len - 1;
}

static uint32_t field_node(const struct slot_graph *graph, const char *record, const char *name,
                           bool create)
{
    struct slot_graph *writable = (struct slot_graph *)graph;
    char *key = g_strconcat(record, "\n", name, NULL);
    uint32_t number = GPOINTER_TO_UINT(g_hash_table_lookup(graph->fields, key));

    if (number > 0 || !create) {
        g_free(key);
        return number - 1;
    }
    number = node_new(writable, NODE_FIELD, record, name, 0,
                      program_field(graph->program, record, name));
    g_hash_table_insert(graph->fields, key, GUINT_TO_POINTER(number + 1));
    return number;
}

static uint32_t global_node(const struct slot_graph *graph, const char *symbol, bool create)
{
    struct slot_graph *writable = (struct slot_graph *)graph;
    uint32_t number = GPOINTER_TO_UINT(g_hash_table_lookup(graph->globals, symbol));

    if (number > 0 || !create) {
        return number - 1;
    }
    number =
        node_new(writable, NODE_GLOBAL, symbol, NULL, 0, program_global(graph->program, symbol));
    g_hash_table_insert(graph->globals, (gpointer)symbol, GUINT_TO_POINTER(number + 1));
    return number;
}

uint32_t slot_path_node(const struct slot_graph *graph, const struct pfunction *function,
                        const struct ir_path *path, bool create)
{
    for (guint i = path->steps->len; i > 0; i--) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i - 1);

        if (step->kind == IR_STEP_FIELD) {
            return step->record && step->name ? field_node(graph, step->record, step->name, create)
                                              : NO_NODE;
        }
    }
    if (path->root == IR_ROOT_GLOBAL) {
        return path->symbol ? global_node(graph, path->symbol, create) : NO_NODE;
    }
    if (!function) {
        return NO_NODE;
    }
    if (path->root == IR_ROOT_PARAM && path->index < function->ir->params->len) {
        return graph->base[function->number] + path->index;
    }
    if (path->root == IR_ROOT_LOCAL && path->index < function->ir->locals->len) {
        return graph->base[function->number] + function->ir->params->len + path->index;
    }
    return NO_NODE;
}

uint32_t slot_result_node(const struct slot_graph *graph, const struct pfunction *function)
{
    return graph->base[function->number] + function->ir->params->len + function->ir->locals->len;
}

static void enqueue(struct slot_graph *graph, uint32_t number)
{
    struct node *node = node_at(graph, number);

    if (!node->queued) {
        node->queued = true;
        g_array_append_val(graph->queue, number);
    }
}

static bool node_has(struct node *node, const struct pfunction *function)
{
    if (node->seen) {
        return g_hash_table_contains(node->seen, function);
    }
    for (guint i = 0; i < node->functions->len; i++) {
        if (node->functions->pdata[i] == function) {
            return true;
        }
    }
    return false;
}

void slot_add_function(struct slot_graph *graph, uint32_t number, struct pfunction *function,
                       struct ir_loc origin)
{
    struct node *node = node_at(graph, number);

    if (!node->functions) {
        node->functions = g_ptr_array_new();
        node->origins = g_array_new(FALSE, FALSE, sizeof(struct ir_loc));
    }
    if (node_has(node, function)) {
        return;
    }
    g_ptr_array_add(node->functions, function);
    g_array_append_val(node->origins, origin);
    if (node->seen) {
        g_hash_table_add(node->seen, function);
    } else if (node->functions->len > FEW) {
        node->seen = g_hash_table_new(NULL, NULL);
        for (guint i = 0; i < node->functions->len; i++) {
            g_hash_table_add(node->seen, node->functions->pdata[i]);
        }
    }
    enqueue(graph, number);
}

void slot_add_escape(struct slot_graph *graph, uint32_t number)
{
    struct node *node = node_at(graph, number);

    if (!node->escapes) {
        node->escapes = true;
        enqueue(graph, number);
    }
}

void slot_add_lock(struct slot_graph *graph, uint32_t number, struct stored_lock *lock)
{
    struct node *node = node_at(graph, number);

    if (!node->locks) {
        node->locks = g_ptr_array_new();
        node->locks_seen = g_hash_table_new(NULL, NULL);
    }
    if (g_hash_table_add(node->locks_seen, lock)) {
        g_ptr_array_add(node->locks, lock);
        enqueue(graph, number);
    }
}

void slot_hand_on_locks(struct slot_graph *graph, uint32_t from, uint32_t to, guint first)
{
    const GPtrArray *locks = node_at(graph, from)->locks;

    for (guint i = first; locks && i < locks->len; i++) {
        slot_add_lock(graph, to, locks->pdata[i]);
    }
}

void slot_hand_on(struct slot_graph *graph, uint32_t from, uint32_t to, guint first)
{
    for (guint i = first; node_at(graph, from)->functions; i++) {
        const struct node *node = node_at(graph, from);

        if (i >= node->functions->len) {
            break;
        }
        slot_add_function(graph, to, node->functions->pdata[i],
                          g_array_index(node->origins, struct ir_loc, i));
    }
}

void slot_add_edge(struct slot_graph *graph, uint32_t from, uint32_t to)
{
    gpointer key;
    struct node *node;

    if (from == to || from == NO_NODE || to == NO_NODE) {
        return;
    }
    key = GSIZE_TO_POINTER(((gsize)from << 32) | to);
    if (!g_hash_table_add(graph->edges, key)) {
        return;
    }
    node = node_at(graph, from);
    if (!node->edges) {
        node->edges = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    }
    g_array_append_val(node->edges, to);
    slot_hand_on(graph, from, to, 0);
    slot_hand_on_locks(graph, from, to, 0);
    if (node_at(graph, from)->escapes) {
        slot_add_escape(graph, to);
    }
}

static void number_nodes(struct slot_graph *graph)
{
    const GPtrArray *functions = graph->program->functions;

    graph->base = g_new0(uint32_t, functions->len + 1);
    for (guint i = 0; i < functions->len; i++) {
        const struct ir_function *ir = ((struct pfunction *)functions->pdata[i])->ir;

        graph->base[i] = graph->nodes->len;
        for (guint p = 0; p < ir->params->len; p++) {
            node_new(graph, NODE_PARAM, ir->name, NULL, p, ir->params->pdata[p]);
        }
        for (guint l = 0; l < ir->locals->len; l++) {
            node_new(graph, NODE_LOCAL, ir->name, NULL, l, ir->locals->pdata[l]);
        }
        node_new(graph, NODE_RESULT, ir->name, NULL, 0, NULL);
    }
}

struct slot_graph *slot_graph_new(struct program *program)
{
    struct slot_graph *graph = g_new0(struct slot_graph, 1);

    graph->program = program;
    graph->nodes = g_array_new(FALSE, TRUE, sizeof(struct node));
    graph->fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    graph->globals = g_hash_table_new(g_str_hash, g_str_equal);
    graph->edges = g_hash_table_new(NULL, NULL);
    graph->queue = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    graph->locks = g_ptr_array_new_with_free_func(g_free);
    number_nodes(graph);
    return graph;
}

void slot_graph_solve(struct slot_graph *graph)
{
    const GPtrArray *functions = graph->program->functions;

    for (guint i = 0; i < functions->len; i++) {
        slot_flow_build(graph, functions->pdata[i]);
    }
    while (graph->queue->len > 0) {
        uint32_t number = g_array_index(graph->queue, uint32_t, graph->queue->len - 1);

        g_array_set_size(graph->queue, graph->queue->len - 1);
        slot_flow_propagate(graph, number);
    }
    g_hash_table_remove_all(graph->edges);
}

uint32_t slot_graph_add_field(struct slot_graph *graph, const char *record, const char *name)
{
    return field_node(graph, record, name, true);
}

uint32_t slot_graph_node(const struct slot_graph *graph, const struct pfunction *function,
                         const struct ir_path *path)
{
    return slot_path_node(graph, function, path, false);
}

void slot_graph_free(struct slot_graph *graph)
{
    if (!graph) {
        return;
    }
    for (guint i = 0; i < graph->nodes->len; i++) {
        struct node *node = node_at(graph, i);

        if (node->edges) {
            g_array_unref(node->edges);
        }
        if (node->functions) {
            g_ptr_array_unref(node->functions);
            g_array_unref(node->origins);
        }
        if (node->seen) {
            g_hash_table_unref(node->seen);
        }
        if (node->calls) {
            g_ptr_array_unref(node->calls);
        }
        if (node->locks) {
            g_ptr_array_unref(node->locks);
            g_hash_table_unref(node->locks_seen);
        }
    }
    g_array_unref(graph->nodes);
    g_hash_table_unref(graph->fields);
    g_hash_table_unref(graph->globals);
    g_hash_table_unref(graph->edges);
    g_array_unref(graph->queue);
    g_ptr_array_unref(graph->locks);
    g_free(graph->base);
    g_free(graph);
}
