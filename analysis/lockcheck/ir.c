/* Making and freeing the intermediate representation. Everything has one
 * owner: a unit owns its functions, a function its blocks, a block its
 * events, an event its path and values, a path its steps and a step the value
 * of its index. Strings are interned and belong to nobody. */
#include "ir.h"

#include <string.h>

static void step_clear(void *data)
{
    struct ir_step *step = data;
    ir_value_free(step->index);
    step->index = NULL;
}

struct ir_path *ir_path_new(enum ir_root root, uint32_t index, const char *symbol)
{
    struct ir_path *path = g_new0(struct ir_path, 1);
    path->root = root;
    path->index = index;
    path->symbol = symbol;
    path->steps = g_array_new(FALSE, FALSE, sizeof(struct ir_step));
    g_array_set_clear_func(path->steps, step_clear);
    return path;
}

struct ir_path *ir_path_copy(const struct ir_path *path)
{
    if (path == NULL)
        return NULL;
    struct ir_path *copy = ir_path_new(path->root, path->index, path->symbol);
    for (guint i = 0; i < path->steps->len; i++) {
        struct ir_step step = g_array_index(path->steps, struct ir_step, i);
        step.index = ir_value_copy(step.index);
        ir_path_add(copy, step);
    }
    return copy;
}

void ir_path_add(struct ir_path *path, struct ir_step step)
{
    g_array_append_val(path->steps, step);
}

void ir_path_free(struct ir_path *path)
{
    if (path == NULL)
        return;
    g_array_unref(path->steps);
    g_free(path);
}

struct ir_value *ir_value_new(enum ir_value_kind kind)
{
    struct ir_value *value = g_new0(struct ir_value, 1);
    value->kind = kind;
    return value;
}

struct ir_value *ir_value_copy(const struct ir_value *value)
{
    if (value == NULL)
        return NULL;
    struct ir_value *copy = g_new(struct ir_value, 1);
    *copy = *value;
    copy->path = ir_path_copy(value->path);
    copy->a = ir_value_copy(value->a);
    copy->b = ir_value_copy(value->b);
    return copy;
}

void ir_value_free(struct ir_value *value)
{
    if (value == NULL)
        return;
    ir_path_free(value->path);
    ir_value_free(value->a);
    ir_value_free(value->b);
    g_free(value);
}

static void value_free(void *data)
{
    ir_value_free(data);
}

static void event_free(void *data)
{
    struct ir_event *event = data;
    ir_path_free(event->path);
    ir_value_free(event->value);
    ir_value_free(event->callee);
    if (event->args != NULL)
        g_ptr_array_unref(event->args);
    g_free(event);
}

struct ir_event *ir_event_new(enum ir_event_kind kind, struct ir_loc loc)
{
    struct ir_event *event = g_new0(struct ir_event, 1);
    event->kind = kind;
    event->loc = loc;
    event->result = -1;
    if (kind == IR_CALL)
        event->args = g_ptr_array_new_with_free_func(value_free);
    return event;
}

static void block_free(void *data)
{
    struct ir_block *block = data;
    g_ptr_array_unref(block->events);
    ir_value_free(block->value);
    g_free(block);
}

struct ir_block *ir_block_new(void)
{
    struct ir_block *block = g_new0(struct ir_block, 1);
    block->events = g_ptr_array_new_with_free_func(event_free);
    return block;
}

unsigned ir_block_successors(const struct ir_block *block)
{
    return block->exit == IR_GOTO ? 1 : block->exit == IR_BRANCH ? 2 : 0;
}

struct ir_variable *ir_variable_new(void)
{
    struct ir_variable *variable = g_new0(struct ir_variable, 1);
    variable->annotations = g_ptr_array_new();
    return variable;
}

void ir_variable_free(struct ir_variable *variable)
{
    if (variable == NULL)
        return;
    g_ptr_array_unref(variable->annotations);
    g_free(variable);
}

static void variable_free(void *data)
{
    ir_variable_free(data);
}

struct ir_record *ir_record_new(void)
{
    struct ir_record *record = g_new0(struct ir_record, 1);
    record->annotations = g_ptr_array_new();
    record->fields = g_ptr_array_new_with_free_func(variable_free);
    return record;
}

static void record_free(void *data)
{
    struct ir_record *record = data;
    g_ptr_array_unref(record->annotations);
    g_ptr_array_unref(record->fields);
    g_free(record);
}

/* `blocks` stays NULL: a declaration. The array of a body is made with
 * ir_blocks_new(). */
struct ir_function *ir_function_new(void)
{
    struct ir_function *function = g_new0(struct ir_function, 1);
    function->annotations = g_ptr_array_new();
    function->params = g_ptr_array_new_with_free_func(variable_free);
    function->locals = g_ptr_array_new_with_free_func(variable_free);
    return function;
}

GPtrArray *ir_blocks_new(void)
{
    return g_ptr_array_new_with_free_func(block_free);
}

static void function_free(void *data)
{
    struct ir_function *function = data;
    g_ptr_array_unref(function->annotations);
    g_ptr_array_unref(function->params);
    g_ptr_array_unref(function->locals);
    if (function->blocks != NULL)
        g_ptr_array_unref(function->blocks);
    g_free(function);
}

struct ir_unit *ir_unit_new(const char *main_file)
{
    struct ir_unit *unit = g_new0(struct ir_unit, 1);
    unit->main_file = ir_intern(main_file);
    unit->functions = g_ptr_array_new_with_free_func(function_free);
    unit->globals = g_ptr_array_new_with_free_func(variable_free);
    unit->records = g_ptr_array_new_with_free_func(record_free);
    unit->dependencies = g_ptr_array_new_with_free_func(g_free);
    unit->errors = g_ptr_array_new_with_free_func(g_free);
    return unit;
}

void ir_unit_free(struct ir_unit *unit)
{
    if (unit == NULL)
        return;
    g_ptr_array_unref(unit->functions);
    g_ptr_array_unref(unit->globals);
    g_ptr_array_unref(unit->records);
    g_ptr_array_unref(unit->dependencies);
    g_ptr_array_unref(unit->errors);
    g_free(unit);
}
