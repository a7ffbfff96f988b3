/* What the parts of a place are called: its root in the source, and the keys
 * of its steps, which are terms, in the source and in the IR. */
#include "flow_place_internal.h"

#include <string.h>

const char *place_root_name(const struct place *root, const struct ir_function *function)
{
    const GPtrArray *names = NULL;
    uint32_t number = root->number;

    if (root->root == PLACE_GLOBAL) {
        const char *colon = strrchr(root->symbol, ':');

        return colon ? colon + 1 : root->symbol;
    }
    if (root->root == PLACE_PARAM) {
        names = function ? function->params : NULL;
    } else if (root->root == PLACE_LOCAL || (root->root == PLACE_OPAQUE && root->local >= 0)) {
        number = root->root == PLACE_LOCAL ? number : (uint32_t)root->local;
        names = function ? function->locals : NULL;
    }
    if (names && number < names->len) {
        const struct ir_variable *variable = g_ptr_array_index(names, number);

        if (variable->name && variable->name[0]) {
            return variable->name;
        }
    }
    return root->root == PLACE_RESULT ? "(result)" : "(object)";
}

struct ir_value *place_key_value(const struct term *key)
{
    struct ir_value *value;

    if (key->kind == TERM_INT) {
        value = ir_value_new(IR_VALUE_INT);
        value->number = key->number;
        return value;
    }
    if (key->kind == TERM_VALUE) {
        value = ir_value_new(IR_VALUE_LOAD);
        value->path = ir_path_copy(place_path(key->place));
        return value;
    }
    return NULL;
}

const char *place_key_name(const struct term *key)
{
    char *text;
    const char *name;

    if (key->kind == TERM_INT) {
        text = g_strdup_printf("%" G_GINT64_FORMAT, key->number);
    } else if (key->kind == TERM_VALUE) {
        text = place_text(key->place, NULL);
    } else {
        return key->text;
    }
    name = g_intern_string(text);
    g_free(text);
    return name;
}

char *place_key_text(const struct term *key, const struct ir_function *function)
{
    if (key->kind == TERM_INT) {
        return g_strdup_printf("%" G_GINT64_FORMAT, key->number);
    }
    if (key->kind == TERM_VALUE && key->place->depth < 4) {
        return place_text(key->place, function);
    }
    return g_strdup(key->text);
}
