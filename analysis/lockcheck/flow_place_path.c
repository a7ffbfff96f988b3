/* Places in the form of the IR, and as they are called in the source. */
#include "flow_place_internal.h"

const struct ir_path *place_path(const struct place *place)
{
    struct place *lazy = (struct place *)place;
    struct ir_path *path;

    if (place->path) {
        return place->path;
    }
    if (place->parent) {
        struct ir_step step = {.kind = place->step, .record = place->record, .name = place->name};

        path = ir_path_copy(place_path(place->parent));
        if (place->key) {
            step.index = place_key_value(place->key);
            step.name = place_key_name(place->key);
        }
        ir_path_add(path, step);
    } else if (place->root == PLACE_PARAM) {
        path = ir_path_new(IR_ROOT_PARAM, place->number, NULL);
    } else if (place->root == PLACE_LOCAL) {
        path = ir_path_new(IR_ROOT_LOCAL, place->number, NULL);
    } else if (place->root == PLACE_GLOBAL) {
        path = ir_path_new(IR_ROOT_GLOBAL, 0, place->symbol);
    } else if (place->root == PLACE_OPAQUE && place->local >= 0 && !place->old) {
        path = ir_path_new(IR_ROOT_LOCAL, (uint32_t)place->local, NULL);
    } else {
        path = ir_path_new(IR_ROOT_UNKNOWN, place->number, NULL);
    }
    lazy->path = path;
    return path;
}

char *place_text(const struct place *place, const struct ir_function *function)
{
    const struct place *steps[PLACE_MAX_DEPTH + 1];
    GString *text = g_string_new(NULL);
    int count = 0;
    bool arrow = false;

    for (; place->parent; place = place->parent) {
        steps[count++] = place;
    }
    g_string_append(text, place_root_name(place, function));
    while (count-- > 0) {
        const struct place *step = steps[count];

        if (step->step == IR_STEP_DEREF) {
            if (arrow || count == 0) {
                g_string_prepend(text, "*");
            }
            arrow = true;
            continue;
        }
        if (step->step == IR_STEP_FIELD) {
            g_string_append_printf(text, "%s%s", arrow ? "->" : ".", step->name);
        } else {
            char *key = step->key ? place_key_text(step->key, function) : NULL;
            const char *name = key ? key : step->name;

            g_string_append_printf(text, "[%s]", name ? name : "...");
            g_free(key);
        }
        arrow = false;
    }
    return g_string_free(text, FALSE);
}
