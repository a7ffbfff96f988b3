/* What paths and values of the IR mean in a state. */
#include "flow_internal.h"

enum { VALUE_DEPTH = 24 };

static const struct term *value_term(const struct flow_state *state, const struct ir_value *value,
                                     int depth);

static const struct place *path_place(const struct flow_state *state, const struct ir_path *path,
                                      int depth)
{
    struct place_table *table = state->walk->places;
    const struct place *place = NULL;

    if (!path || depth > VALUE_DEPTH) {
        return NULL;
    }
    switch (path->root) {
    case IR_ROOT_PARAM:
        place = place_root(table, PLACE_PARAM, path->index, NULL);
        break;
    case IR_ROOT_LOCAL:
        place = place_root(table, PLACE_LOCAL, path->index, NULL);
        break;
    case IR_ROOT_GLOBAL:
        place = place_root(table, PLACE_GLOBAL, 0, path->symbol);
        break;
    case IR_ROOT_UNKNOWN:
        return NULL;
    }
    for (guint i = 0; place && i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        switch (step->kind) {
        case IR_STEP_DEREF:
            place = term_deref(table, state_value(state, place));
            break;
        case IR_STEP_FIELD:
            place = place_field(table, place, step->record, step->name);
            break;
        case IR_STEP_INDEX:
            place =
                place_index(table, place, value_term(state, step->index, depth + 1), step->name);
            break;
        }
    }
    return place;
}

const struct place *state_place(const struct flow_state *state, const struct ir_path *path)
{
    return path_place(state, path, 0);
}

const struct place *state_lock_place(const struct flow_state *state, const struct ir_path *path)
{
    return place_strip(state->walk->flow, path_place(state, path, 0));
}

static const struct term *value_term(const struct flow_state *state, const struct ir_value *value,
                                     int depth)
{
    struct place_table *table = state->walk->places;

    if (!value || depth > VALUE_DEPTH) {
        return NULL;
    }
    switch (value->kind) {
    case IR_VALUE_UNKNOWN:
        return NULL;
    case IR_VALUE_INT:
        return term_int(table, value->number);
    case IR_VALUE_STRING:
        return term_text(table, TERM_STRING, value->text);
    case IR_VALUE_FUNC:
        return term_text(table, TERM_FUNCTION, value->text);
    case IR_VALUE_ADDRESS:
        return term_address(table, path_place(state, value->path, depth));
    case IR_VALUE_LOAD:
        return state_value(state, path_place(state, value->path, depth));
    case IR_VALUE_NOT:
        return term_not(table, value_term(state, value->a, depth + 1));
    case IR_VALUE_COMPARE:
        return term_compare(table, value->op, value_term(state, value->a, depth + 1),
                            value_term(state, value->b, depth + 1));
    case IR_VALUE_OFFSET:
        return term_offset(table, value_term(state, value->a, depth + 1), value->text);
    }
    return NULL;
}

const struct term *state_term(const struct flow_state *state, const struct ir_value *value)
{
    return value_term(state, value, 0);
}
