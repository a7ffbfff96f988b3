/* Whether a unit that was read from a file keeps the promises of ir.h: what
 * must be there is there, and indices of variables are of the function's own.
 * The bytes can be well-formed and say nothing sensible all the same, and
 * nobody behind store_decode() asks again. */
#include "store_coder.h"

static bool value_is_sound(const struct ir_value *v, const struct ir_function *f);

static bool step_is_sound(const struct ir_step *step, const struct ir_function *f)
{
    if (step->kind == IR_STEP_FIELD) {
        return step->record && step->name;
    }
    return !step->index || value_is_sound(step->index, f);
}

static bool path_is_sound(const struct ir_path *path, const struct ir_function *f)
{
    if (!path || (path->root == IR_ROOT_PARAM && path->index >= f->params->len) ||
        (path->root == IR_ROOT_LOCAL && path->index >= f->locals->len) ||
        (path->root == IR_ROOT_GLOBAL && !path->symbol)) {
        return false;
    }
    for (guint i = 0; i < path->steps->len; i++) {
        if (!step_is_sound(&g_array_index(path->steps, struct ir_step, i), f)) {
            return false;
        }
    }
    return true;
}

/* Not deeper than coder_value() reads. */
static bool value_is_sound(const struct ir_value *v, const struct ir_function *f)
{
    if (!v) {
        return false;
    }
    switch (v->kind) {
    case IR_VALUE_UNKNOWN:
    case IR_VALUE_INT:
        return true;
    case IR_VALUE_STRING:
    case IR_VALUE_FUNC:
        return v->text != NULL;
    case IR_VALUE_ADDRESS:
    case IR_VALUE_LOAD:
        return path_is_sound(v->path, f);
    case IR_VALUE_NOT:
        return value_is_sound(v->a, f);
    case IR_VALUE_OFFSET:
        return v->text && value_is_sound(v->a, f);
    case IR_VALUE_COMPARE:
        return value_is_sound(v->a, f) && value_is_sound(v->b, f);
    }
    return false;
}

static bool call_is_sound(const struct ir_event *e, const struct ir_function *f)
{
    if (!value_is_sound(e->callee, f) || e->result < -1 ||
        (e->result >= 0 && (guint)e->result >= f->locals->len)) {
        return false;
    }
    for (guint i = 0; i < e->args->len; i++) {
        if (!value_is_sound(e->args->pdata[i], f)) {
            return false;
        }
    }
    return true;
}

static bool event_is_sound(const struct ir_event *e, const struct ir_function *f)
{
    switch (e->kind) {
    case IR_CALL:
        return call_is_sound(e, f);
    case IR_SET:
        return path_is_sound(e->path, f) && value_is_sound(e->value, f);
    case IR_READ:
    case IR_WRITE:
        return path_is_sound(e->path, f);
    }
    return false;
}

static bool block_is_sound(const struct ir_block *b, const struct ir_function *f)
{
    if ((b->exit == IR_BRANCH || b->value) && !value_is_sound(b->value, f)) {
        return false;
    }
    for (guint i = 0; i < b->events->len; i++) {
        if (!event_is_sound(b->events->pdata[i], f)) {
            return false;
        }
    }
    return true;
}

static bool variables_are_sound(const GPtrArray *variables)
{
    for (guint i = 0; i < variables->len; i++) {
        const struct ir_variable *v = variables->pdata[i];

        if (!v->name || !v->type.spelling) {
            return false;
        }
    }
    return true;
}

static bool function_is_sound(const struct ir_function *f)
{
    if (!f->symbol || !f->name || !variables_are_sound(f->params) ||
        !variables_are_sound(f->locals)) {
        return false;
    }
    for (guint i = 0; f->blocks && i < f->blocks->len; i++) {
        if (!block_is_sound(f->blocks->pdata[i], f)) {
            return false;
        }
    }
    return true;
}

bool store_unit_is_sound(const struct ir_unit *unit)
{
    bool sound = unit->main_file && variables_are_sound(unit->globals);

    for (guint i = 0; sound && i < unit->functions->len; i++) {
        sound = function_is_sound(unit->functions->pdata[i]);
    }
    for (guint i = 0; sound && i < unit->globals->len; i++) {
        sound = ((const struct ir_variable *)unit->globals->pdata[i])->symbol != NULL;
    }
    for (guint i = 0; sound && i < unit->records->len; i++) {
        const struct ir_record *record = unit->records->pdata[i];

        sound = record->key && record->name && variables_are_sound(record->fields);
    }
    return sound;
}
