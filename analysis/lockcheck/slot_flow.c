/* What makes functions and locks flow along the graph: assignments, arguments, results,
 * and calls through pointers, whose targets are found on the way. */
#include "slot_graph.h"

#include <string.h>

#define MAX_NEST 16

/* Numbers, structs and pointers to them carry no functions: only pointers to
 * functions do, and void pointers, on their way through some container. Locks
 * are pointed to by what is declared so. */
static bool may_hold_pointer(const struct slot_graph *graph, const struct ir_variable *variable)
{
    static const char *const data[] = {"char",  "signed char",   "unsigned char",  "short",
                                       "int",   "unsigned int",  "unsigned short", "long",
                                       "float", "unsigned long", "double",         "_Bool",
                                       "bool",  "size_t",        "uint8_t",        "uint32_t"};
    const struct ir_type *type;

    if (!variable || variable->type.function) {
        return true;
    }
    type = &variable->type;
    if (program_is_lock_type(graph->program, type)) {
        return type->pointers > 0;
    }
    if (type->record) {
        return false;
    }
    for (guint i = 0; type->name && i < G_N_ELEMENTS(data); i++) {
        if (strcmp(type->name, data[i]) == 0) {
            return false;
        }
    }
    return true;
}

static bool holds_function(const struct ir_variable *variable)
{
    return !variable || variable->type.function;
}

/* The address of a lock, or of the locks of an array. */
static void add_lock(struct slot_graph *graph, const struct pfunction *in, uint32_t to,
                     const struct ir_path *path, struct ir_loc loc)
{
    const struct ir_variable *variable = program_variable(graph->program, path, in->ir);
    struct stored_lock *lock;

    if (!variable || variable->type.pointers > 0 ||
        !program_is_lock_type(graph->program, &variable->type)) {
        return;
    }
    lock = g_new(struct stored_lock, 1);
    *lock = (struct stored_lock){path, in->ir, loc};
    g_ptr_array_add(graph->locks, lock);
    slot_add_lock(graph, to, lock);
}

static void add_value(struct slot_graph *graph, const struct pfunction *in, uint32_t to,
                      const struct ir_value *value, struct ir_loc loc)
{
    struct pfunction *function;
    uint32_t from;

    for (int nest = 0; value && value->kind == IR_VALUE_OFFSET && nest < MAX_NEST; nest++) {
        value = value->a;
    }
    if (to == NO_NODE || !value || !may_hold_pointer(graph, node_at(graph, to)->variable)) {
        return;
    }
    switch (value->kind) {
    case IR_VALUE_FUNC:
        function = program_linked(graph->program, in->unit, value->text);
        if (function) {
            slot_add_function(graph, to, function, loc);
        } else {
            slot_add_escape(graph, to);
        }
        break;
    case IR_VALUE_LOAD:
        if (value->path->root == IR_ROOT_UNKNOWN && value->path->steps->len == 0) {
            slot_add_escape(graph, to);
            break;
        }
        slot_add_edge(graph, slot_path_node(graph, in, value->path, true), to);
        break;
    case IR_VALUE_ADDRESS:
        from = slot_path_node(graph, in, value->path, true);
        slot_add_edge(graph, from, to);
        add_lock(graph, in, to, value->path, loc);
        if (from != NO_NODE && holds_function(node_at(graph, from)->variable)) {
            slot_add_edge(graph, to, from);
        }
        break;
    case IR_VALUE_UNKNOWN:
        slot_add_escape(graph, to);
        break;
    default:
        break;
    }
}

/* The edges of a call to one of its targets. */
static void bind_call(struct slot_graph *graph, const struct pcall *call,
                      const struct pfunction *target)
{
    const GPtrArray *args = call->event->args;
    const GPtrArray *locals = call->caller->ir->locals;
    int32_t result = call->event->result;

    for (guint i = 0; args && i < args->len && i < target->ir->params->len; i++) {
        add_value(graph, call->caller, graph->base[target->number] + i, args->pdata[i],
                  call->event->loc);
    }
    if (result >= 0 && (uint32_t)result < locals->len &&
        may_hold_pointer(graph, locals->pdata[result])) {
        slot_add_edge(graph, slot_result_node(graph, target),
                      graph->base[call->caller->number] + call->caller->ir->params->len +
                          (uint32_t)result);
    }
}

/* A pointer that went through void may hold functions of all kinds. One that
 * takes another number of arguments, or gives no result where one is used, is
 * not called there. */
static bool fits(const struct pcall *call, const struct pfunction *target)
{
    guint args = call->event->args ? call->event->args->len : 0;
    guint params = target->ir->params->len;

    if (params > 0 && args != params) {
        return false;
    }
    return call->event->result < 0 || target->ir->returns_value || !target->ir->blocks;
}

static void add_target(struct slot_graph *graph, struct pcall *call, struct pfunction *target)
{
    if (!fits(call, target)) {
        return;
    }
    g_ptr_array_add(call->targets, target);
    bind_call(graph, call, target);
}

static void build_call(struct slot_graph *graph, struct pcall *call)
{
    const struct ir_value *callee = call->event->callee;
    uint32_t number = NO_NODE;
    struct node *node;

    if (callee && callee->kind == IR_VALUE_FUNC) {
        if (call->targets->len > 0) {
            bind_call(graph, call, call->targets->pdata[0]);
        }
        return;
    }
    if (callee && (callee->kind == IR_VALUE_LOAD || callee->kind == IR_VALUE_ADDRESS)) {
        number = slot_path_node(graph, call->caller, callee->path, true);
    }
    if (number == NO_NODE) {
        return;
    }
    node = node_at(graph, number);
    if (!node->calls) {
        node->calls = g_ptr_array_new();
    }
    g_ptr_array_add(node->calls, call);
    for (guint i = 0; i < node_at(graph, number)->done; i++) {
        add_target(graph, call, node_at(graph, number)->functions->pdata[i]);
    }
}

void slot_flow_build(struct slot_graph *graph, const struct pfunction *function)
{
    const GPtrArray *blocks = function->ir->blocks;

    if (!blocks && function->ir->returns_pointer) {
        slot_add_escape(graph, slot_result_node(graph, function));
    }
    for (guint b = 0; blocks && b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_SET) {
                add_value(graph, function, slot_path_node(graph, function, event->path, true),
                          event->value, event->loc);
            } else if (event->kind == IR_CALL) {
                build_call(graph, program_call(graph->program, event));
            }
        }
        if (block->exit == IR_RETURN && block->value) {
            add_value(graph, function, slot_result_node(graph, function), block->value, block->loc);
        }
    }
}

void slot_flow_propagate(struct slot_graph *graph, uint32_t number)
{
    guint first = node_at(graph, number)->done, lock = node_at(graph, number)->locks_done;
    bool escapes = node_at(graph, number)->escapes && !node_at(graph, number)->escape_done;

    node_at(graph, number)->queued = false;
    node_at(graph, number)->escape_done = node_at(graph, number)->escapes;
    if (node_at(graph, number)->functions) {
        node_at(graph, number)->done = node_at(graph, number)->functions->len;
    }
    if (node_at(graph, number)->locks) {
        node_at(graph, number)->locks_done = node_at(graph, number)->locks->len;
    }
    for (guint i = 0; node_at(graph, number)->edges && i < node_at(graph, number)->edges->len;
         i++) {
        uint32_t to = g_array_index(node_at(graph, number)->edges, uint32_t, i);

        slot_hand_on(graph, number, to, first);
        slot_hand_on_locks(graph, number, to, lock);
        if (escapes) {
            slot_add_escape(graph, to);
        }
    }
    for (guint f = first; f < node_at(graph, number)->done; f++) {
        struct pfunction *function = node_at(graph, number)->functions->pdata[f];
        const GPtrArray *calls = node_at(graph, number)->calls;

        for (guint c = 0; calls && c < calls->len; c++) {
            add_target(graph, calls->pdata[c], function);
        }
    }
}
