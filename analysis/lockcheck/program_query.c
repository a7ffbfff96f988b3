/* Questions about a program that is linked: what a name, a path or an event
 * stands for. */
#include "program.h"

#include <string.h>

#include "program_internal.h"

struct pfunction *program_function(const struct program *program, const char *symbol)
{
    return g_hash_table_lookup(program->by_symbol, symbol);
}

struct pfunction *program_function_of(const struct program *program, const struct ir_function *ir)
{
    return g_hash_table_lookup(program->index->by_ir, ir);
}

const struct ir_record *program_record(const struct program *program, const char *key)
{
    return key ? g_hash_table_lookup(program->records, key) : NULL;
}

const struct ir_variable *program_global(const struct program *program, const char *symbol)
{
    return symbol ? g_hash_table_lookup(program->globals, symbol) : NULL;
}

const struct ir_variable *program_field(const struct program *program, const char *record,
                                        const char *name)
{
    GHashTable *fields = record ? g_hash_table_lookup(program->index->fields, record) : NULL;

    return fields && name ? g_hash_table_lookup(fields, name) : NULL;
}

bool program_is_lock_type(const struct program *program, const struct ir_type *type)
{
    const struct ir_record *record = program_record(program, type->record);

    return rules_lock_type(program->rules, type->name) ||
           (record && annotation_has(record->annotations, ANNOTATION_CAPABILITY));
}

const struct ir_variable *program_global_named(const struct program *program, const char *name,
                                               const char *file)
{
    const GPtrArray *list = g_hash_table_lookup(program->index->globals_by_name, name);
    const struct ir_variable *best = program_global(program, name);

    for (guint i = 0; list && i < list->len; i++) {
        const struct ir_variable *global = list->pdata[i];

        if (file && g_strcmp0(global->loc.file, file) == 0) {
            return global;
        }
        if (!best) {
            best = global;
        }
    }
    return best;
}

const struct ir_variable *program_variable(const struct program *program,
                                           const struct ir_path *path,
                                           const struct ir_function *function)
{
    for (guint i = path->steps->len; i > 0; i--) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i - 1);

        if (step->kind == IR_STEP_FIELD) {
            return program_field(program, step->record, step->name);
        }
    }
    switch (path->root) {
    case IR_ROOT_PARAM:
        return function && path->index < function->params->len
                   ? function->params->pdata[path->index]
                   : NULL;
    case IR_ROOT_LOCAL:
        return function && path->index < function->locals->len
                   ? function->locals->pdata[path->index]
                   : NULL;
    case IR_ROOT_GLOBAL:
        return program_global(program, path->symbol);
    case IR_ROOT_UNKNOWN:
        break;
    }
    return NULL;
}

struct pcall *program_call(const struct program *program, const struct ir_event *event)
{
    return g_hash_table_lookup(program->call_of, event);
}

static void append_steps(struct ir_path *to, const struct ir_path *from, guint first)
{
    for (guint i = first; i < from->steps->len; i++) {
        struct ir_step step = g_array_index(from->steps, struct ir_step, i);

        step.index = step.index ? ir_value_copy(step.index) : NULL;
        ir_path_add(to, step);
    }
}

struct ir_path *program_bind_path(const struct ir_path *path, const GPtrArray *args)
{
    const struct ir_value *value;
    struct ir_path *bound;
    guint first = 0;

    if (path->root == IR_ROOT_GLOBAL) {
        return ir_path_copy(path);
    }
    if (path->root != IR_ROOT_PARAM || path->index >= args->len) {
        return NULL;
    }
    value = args->pdata[path->index];
    if (value->kind == IR_VALUE_ADDRESS) {
        if (path->steps->len == 0 ||
            g_array_index(path->steps, struct ir_step, 0).kind != IR_STEP_DEREF) {
            return NULL;
        }
        first = 1;
    } else if (value->kind != IR_VALUE_LOAD) {
        return NULL;
    }
    bound = ir_path_copy(value->path);
    append_steps(bound, path, first);
    return bound;
}
