/* Links units into one program: declarations by name (program_link.c), then
 * calls to what they call, directly and through pointers (program_slots.c). */
#include "program.h"

#include <string.h>

#include "program_internal.h"

static void function_free(void *data)
{
    struct pfunction *function = data;

    g_ptr_array_unref(function->annotations);
    g_ptr_array_unref(function->calls);
    g_ptr_array_unref(function->callers);
    g_ptr_array_unref(function->stored);
    g_free(function);
}

static void unit_free(void *data)
{
    ir_unit_free(data);
}

static void index_globals(struct program *program)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, program->globals);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct ir_variable *global = value;
        GPtrArray *list;

        if (!global->name) {
            continue;
        }
        list = g_hash_table_lookup(program->index->globals_by_name, global->name);
        if (!list) {
            list = g_ptr_array_new();
            g_hash_table_insert(program->index->globals_by_name, (gpointer)global->name, list);
        }
        g_ptr_array_add(list, global);
    }
}

static void index_fields(struct program *program)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, program->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ir_record *record = value;
        GHashTable *fields = g_hash_table_new(g_str_hash, g_str_equal);

        for (guint i = 0; i < record->fields->len; i++) {
            struct ir_variable *field = record->fields->pdata[i];

            if (field->name) {
                g_hash_table_insert(fields, (gpointer)field->name, field);
            }
        }
        g_hash_table_insert(program->index->fields, (gpointer)record->key, fields);
    }
}

static int with_body_first(gconstpointer a, gconstpointer b)
{
    const struct pfunction *left = *(const struct pfunction *const *)a;
    const struct pfunction *right = *(const struct pfunction *const *)b;

    if (!left->ir->blocks != !right->ir->blocks) {
        return left->ir->blocks ? -1 : 1;
    }
    return left->number < right->number ? -1 : left->number > right->number;
}

static bool rule_defines(const struct rule *rule)
{
    switch (rule->kind) {
    case RULE_CALLBACK:
    case RULE_CALLBACK_LATER:
    case RULE_BLOCK:
    case RULE_NORETURN:
    case RULE_SIGNAL:
        return false;
    default:
        return true;
    }
}

/* Whether what a function does to locks is known without its body. */
static bool is_builtin(const struct pfunction *function)
{
    for (guint i = 0; function->rules[i]; i++) {
        if (rule_defines(function->rules[i])) {
            return true;
        }
    }
    if (function->ir->blocks && !annotation_has(function->annotations, ANNOTATION_NO_ANALYSIS)) {
        return false;
    }
    for (guint kind = ANNOTATION_ACQUIRE; kind <= ANNOTATION_TRY_ACQUIRE_SHARED; kind++) {
        if (annotation_has(function->annotations, (enum annotation_kind)kind)) {
            return true;
        }
    }
    return false;
}

/* Declared nowhere, as a compiler's builtin may be. */
static struct pfunction *undeclared(struct program *program, const char *symbol, uint32_t unit)
{
    struct ir_function *ir = ir_function_new();

    ir->symbol = g_intern_string(symbol);
    ir->name = ir->symbol;
    g_ptr_array_add(program->index->undeclared->functions, ir);
    return program_add_function(program, ir, unit);
}

static void declare_callees(struct program *program, const struct ir_function *ir, uint32_t unit)
{
    for (guint b = 0; ir->blocks && b < ir->blocks->len; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_CALL && event->callee && event->callee->kind == IR_VALUE_FUNC &&
                !g_hash_table_contains(program->by_symbol, event->callee->text)) {
                struct pfunction *function = undeclared(program, event->callee->text, unit);

                g_hash_table_insert(program->by_symbol, (gpointer)function->ir->symbol, function);
            }
        }
    }
}

static void number_functions(struct program *program)
{
    guint count = program->functions->len;

    for (guint i = 0; i < count; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        declare_callees(program, function->ir, function->unit);
    }
    for (guint i = 0; i < program->functions->len; i++) {
        ((struct pfunction *)program->functions->pdata[i])->number = i;
    }
    g_ptr_array_sort(program->functions, with_body_first);
    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = program->functions->pdata[i];

        function->number = i;
        function->rules = rules_of(program->rules, function->ir->name);
        function->builtin = is_builtin(function);
        g_hash_table_insert(program->index->by_ir, function->ir, function);
    }
}

struct pfunction *program_linked(const struct program *program, uint32_t unit, const char *symbol)
{
    if (g_hash_table_size(program->index->overrides) > 0) {
        char *key = program_override_key(unit, symbol);
        struct pfunction *function = g_hash_table_lookup(program->index->overrides, key);

        g_free(key);
        if (function) {
            return function;
        }
    }
    return g_hash_table_lookup(program->by_symbol, symbol);
}

static void find_calls(struct program *program, struct pfunction *caller)
{
    const GPtrArray *blocks = caller->ir->blocks;

    for (guint b = 0; blocks && b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            struct ir_event *event = block->events->pdata[e];
            struct pcall *call;

            if (event->kind != IR_CALL) {
                continue;
            }
            call = g_new0(struct pcall, 1);
            call->caller = caller;
            call->event = event;
            call->targets = g_ptr_array_new();
            if (event->callee && event->callee->kind == IR_VALUE_FUNC) {
                g_ptr_array_add(call->targets,
                                program_linked(program, caller->unit, event->callee->text));
            }
            g_ptr_array_add(caller->calls, call);
            g_hash_table_insert(program->call_of, event, call);
        }
    }
}

static void find_callbacks(struct program *program, struct pcall *call)
{
    for (guint t = 0; t < call->targets->len; t++) {
        const struct pfunction *target = call->targets->pdata[t];

        for (guint r = 0; target->rules[r]; r++) {
            const struct rule *rule = target->rules[r];

            if (rule->kind != RULE_CALLBACK || rule->callback < 0 ||
                (guint)rule->callback >= call->event->args->len) {
                continue;
            }
            if (!call->callbacks) {
                call->callbacks = program_value_functions(program, call->caller->ir,
                                                          call->event->args->pdata[rule->callback]);
            }
        }
    }
}

static void link_callers(struct program *program)
{
    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = program->functions->pdata[i];

        for (guint c = 0; c < function->calls->len; c++) {
            struct pcall *call = function->calls->pdata[c];

            find_callbacks(program, call);
            for (guint t = 0; t < call->targets->len; t++) {
                g_ptr_array_add(((struct pfunction *)call->targets->pdata[t])->callers, call);
            }
            for (guint t = 0; call->callbacks && t < call->callbacks->len; t++) {
                g_ptr_array_add(((struct pfunction *)call->callbacks->pdata[t])->callers, call);
            }
        }
    }
}

static struct program *program_allocate(GPtrArray *units, const struct rules *rules)
{
    struct program *program = g_new0(struct program, 1);

    g_ptr_array_set_free_func(units, unit_free);
    program->units = units;
    program->rules = rules;
    program->functions = g_ptr_array_new_with_free_func(function_free);
    program->by_symbol = g_hash_table_new(g_str_hash, g_str_equal);
    program->globals = g_hash_table_new(g_str_hash, g_str_equal);
    program->records = g_hash_table_new(g_str_hash, g_str_equal);
    program->slots = g_ptr_array_new();
    program->call_of = g_hash_table_new(NULL, NULL);
    program->index = g_new0(struct program_index, 1);
    program->index->by_ir = g_hash_table_new(NULL, NULL);
    program->index->overrides = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    program->index->globals_by_name =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    program->index->fields =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_hash_table_unref);
    program->index->undeclared = ir_unit_new("");
    return program;
}

struct program *program_new(GPtrArray *units, const struct rules *rules)
{
    struct program *program = program_allocate(units, rules);

    for (guint u = 0; u < units->len; u++) {
        const struct ir_unit *unit = units->pdata[u];

        for (guint i = 0; i < unit->records->len; i++) {
            program_link_record(program, unit->records->pdata[i]);
        }
        for (guint i = 0; i < unit->globals->len; i++) {
            program_link_global(program, unit->globals->pdata[i]);
        }
        for (guint i = 0; i < unit->functions->len; i++) {
            program_link_function(program, unit->functions->pdata[i], u);
        }
    }
    index_globals(program);
    index_fields(program);
    number_functions(program);
    for (guint i = 0; i < program->functions->len; i++) {
        find_calls(program, program->functions->pdata[i]);
    }
    program_resolve_slots(program);
    link_callers(program);
    program_find_fatal(program);
    return program;
}

void program_free(struct program *program)
{
    struct program_index *index;

    if (!program) {
        return;
    }
    index = program->index;
    slot_graph_free(index->graph);
    if (index->components) {
        g_ptr_array_unref(index->components);
    }
    g_hash_table_unref(index->by_ir);
    g_hash_table_unref(index->overrides);
    g_hash_table_unref(index->globals_by_name);
    g_hash_table_unref(index->fields);
    g_hash_table_unref(program->call_of);
    g_ptr_array_unref(program->slots);
    g_ptr_array_unref(program->functions);
    g_hash_table_unref(program->by_symbol);
    g_hash_table_unref(program->globals);
    g_hash_table_unref(program->records);
    g_ptr_array_unref(program->units);
    ir_unit_free(index->undeclared);
    g_free(index);
    g_free(program);
}
