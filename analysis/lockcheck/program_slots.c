/* Slots: the places that function pointers are stored in, with the contracts
 * that they state. They are made of the nodes of slot_graph.c that hold
 * functions, are called through, or state a contract. */
#include <string.h>

#include "slot_graph.h"

#define MAX_NEST 16

static const char *node_name(const struct slot_graph *graph, const struct node *node)
{
    const struct ir_record *record;
    const char *result;
    char *text;

    switch ((enum node_kind)node->kind) {
    case NODE_FIELD:
        record = program_record(graph->program, node->a);
        text = g_strdup_printf("%s.%s", record && record->name ? record->name : node->a, node->b);
        break;
    case NODE_PARAM:
        text = g_strdup_printf("parameter %u of %s", node->number + 1, node->a);
        break;
    case NODE_LOCAL:
        text = g_strdup_printf(
            "%s of %s",
            node->variable && node->variable->name ? node->variable->name : "a temporary", node->a);
        break;
    case NODE_RESULT:
        text = g_strdup_printf("the result of %s", node->a);
        break;
    case NODE_GLOBAL:
    default:
        text = g_strdup(node->variable && node->variable->name ? node->variable->name : node->a);
        break;
    }
    result = g_intern_string(text);
    g_free(text);
    return result;
}

static bool states_contract(const char *string)
{
    struct annotation annotation;
    bool states = false;

    if (annotation_parse(string, &annotation)) {
        switch (annotation.kind) {
        case ANNOTATION_REQUIRES:
        case ANNOTATION_REQUIRES_SHARED:
        case ANNOTATION_ACQUIRE:
        case ANNOTATION_ACQUIRE_SHARED:
        case ANNOTATION_RELEASE:
        case ANNOTATION_RELEASE_SHARED:
        case ANNOTATION_RELEASE_GENERIC:
        case ANNOTATION_TRY_ACQUIRE:
        case ANNOTATION_TRY_ACQUIRE_SHARED:
        case ANNOTATION_EXCLUDES:
        case ANNOTATION_ROLE:
        case ANNOTATION_THREAD_ENTRY:
        case ANNOTATION_MAY_BLOCK:
        case ANNOTATION_BLOCKING_OK:
            states = true;
            break;
        default:
            break;
        }
        annotation_clear(&annotation);
    }
    return states;
}

static GPtrArray *contract_of(const struct ir_variable *variable)
{
    GPtrArray *strings = g_ptr_array_new();

    for (guint i = 0; variable && variable->annotations && i < variable->annotations->len; i++) {
        if (states_contract(variable->annotations->pdata[i])) {
            g_ptr_array_add(strings, variable->annotations->pdata[i]);
        }
    }
    return strings;
}

static bool has_contracts(const struct ir_record *record)
{
    bool found = false;

    for (guint i = 0; record && !found && i < record->fields->len; i++) {
        const struct ir_variable *field = record->fields->pdata[i];

        if (field->type.function && field->annotations->len > 0) {
            GPtrArray *contract = contract_of(field);

            found = contract->len > 0;
            g_ptr_array_unref(contract);
        }
    }
    return found;
}

static void slot_free(void *data)
{
    struct pslot *slot = data;

    g_ptr_array_unref(slot->functions);
    g_ptr_array_unref(slot->annotations);
    g_array_unref(slot->origins);
    g_free(slot);
}

/* Nodes that hold functions or are called through become slots, and so do
 * those that state a contract. */
static void make_slot(struct slot_graph *graph, uint32_t number)
{
    struct node *node = node_at(graph, number);
    GPtrArray *annotations = contract_of(node->variable);
    struct pslot *slot;

    if (!node->functions && !node->calls && annotations->len == 0) {
        g_ptr_array_unref(annotations);
        return;
    }
    slot = g_new0(struct pslot, 1);
    slot->name = node_name(graph, node);
    slot->annotations = annotations;
    slot->escapes = node->escapes;
    slot->functions = node->functions ? g_ptr_array_ref(node->functions) : g_ptr_array_new();
    slot->origins = node->origins ? g_array_ref(node->origins)
                                  : g_array_new(FALSE, FALSE, sizeof(struct ir_loc));
    if (node->variable) {
        slot->loc = node->variable->loc;
    }
    slot->among_contracts =
        node->kind == NODE_FIELD && has_contracts(program_record(graph->program, node->a));
    node->slot = slot;
    g_ptr_array_add(graph->program->slots, slot);
    for (guint i = 0; i < slot->functions->len; i++) {
        g_ptr_array_add(((struct pfunction *)slot->functions->pdata[i])->stored, slot);
    }
    for (guint i = 0; node->calls && i < node->calls->len; i++) {
        struct pcall *call = node->calls->pdata[i];

        call->slot = slot;
    }
}

static void add_fields_with_contracts(struct slot_graph *graph)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, graph->program->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ir_record *record = value;

        for (guint i = 0; i < record->fields->len; i++) {
            const struct ir_variable *field = record->fields->pdata[i];

            if (field->name && field->type.function && field->annotations->len > 0) {
                slot_graph_add_field(graph, record->key, field->name);
            }
        }
    }
}

static void mark_unresolved(struct program *program)
{
    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        for (guint c = 0; c < function->calls->len; c++) {
            struct pcall *call = function->calls->pdata[c];

            call->unresolved = call->targets->len == 0;
        }
    }
}

void program_resolve_slots(struct program *program)
{
    struct slot_graph *graph = slot_graph_new(program);

    program->index->graph = graph;
    g_ptr_array_set_free_func(program->slots, slot_free);
    add_fields_with_contracts(graph);
    slot_graph_solve(graph);
    for (guint i = 0; i < graph->nodes->len; i++) {
        make_slot(graph, i);
    }
    mark_unresolved(program);
}

static struct pslot *find_slot(const struct program *program, const struct ir_function *function,
                               const struct ir_path *path)
{
    const struct slot_graph *graph = program->index->graph;
    uint32_t number = slot_graph_node(graph, program_function_of(program, function), path);

    return number == NO_NODE ? NULL : node_at(graph, number)->slot;
}

const GPtrArray *program_stored_locks(const struct program *program, const struct ir_path *path,
                                      bool *others)
{
    const struct slot_graph *graph = program->index->graph;
    uint32_t number = slot_graph_node(graph, NULL, path);
    const struct node *node = number == NO_NODE ? NULL : node_at(graph, number);

    *others = !node || node->escapes;
    return node ? node->locks : NULL;
}

struct pslot *program_slot(const struct program *program, const struct ir_function *function,
                           const struct ir_value *value)
{
    if (!value || (value->kind != IR_VALUE_LOAD && value->kind != IR_VALUE_ADDRESS)) {
        return NULL;
    }
    return find_slot(program, function, value->path);
}

GPtrArray *program_value_functions(const struct program *program,
                                   const struct ir_function *function, const struct ir_value *value)
{
    GPtrArray *result = g_ptr_array_new();
    const struct pfunction *in = program_function_of(program, function);
    const struct pslot *slot;

    for (int nest = 0; value && value->kind == IR_VALUE_OFFSET && nest < MAX_NEST; nest++) {
        value = value->a;
    }
    if (value && value->kind == IR_VALUE_FUNC) {
        struct pfunction *found = program_linked(program, in ? in->unit : 0, value->text);

        if (found) {
            g_ptr_array_add(result, found);
        }
        return result;
    }
    slot = program_slot(program, function, value);
    for (guint i = 0; slot && i < slot->functions->len; i++) {
        g_ptr_array_add(result, slot->functions->pdata[i]);
    }
    return result;
}
