/* Two locks of one class at once: how they are related. Two threads that both
 * go the same way (by ascending key, from a node to its successor, from a
 * parent to its child) cannot meet in a circle; two ways can. */
#include <string.h>

#include "order_internal.h"

bool order_is_fixed(const struct place *place)
{
    for (; place; place = place->parent) {
        if (!place->parent) {
            return place->root == PLACE_GLOBAL;
        }
        if (place->step == IR_STEP_DEREF ||
            (place->step == IR_STEP_INDEX && (!place->key || place->key->kind != TERM_INT))) {
            return false;
        }
    }
    return false;
}

/* The object that a lock place is in, and the other's, without what they have
 * in common at the end. */
static void objects(const struct place **first, const struct place **second)
{
    const struct place *a = *first, *b = *second;

    while (a->parent && b->parent && a->parent != b->parent && a->step == b->step &&
           a->step == IR_STEP_FIELD && a->name == b->name && a->record == b->record) {
        a = a->parent;
        b = b->parent;
    }
    *first = a;
    *second = b;
}

/* The fields on the way from `base` down to `place`, or NULL if that is not
 * below. */
static char *way_down(const struct place *place, const struct place *base)
{
    GString *text = g_string_new(NULL);

    for (; place && place != base; place = place->parent) {
        if (place->parent && place->step == IR_STEP_FIELD) {
            g_string_prepend(text, place->name);
            g_string_prepend(text, "->");
        } else if (place->parent && place->step == IR_STEP_INDEX) {
            g_string_prepend(text, "[]");
        }
    }
    if (!place) {
        g_string_free(text, TRUE);
        return NULL;
    }
    return g_string_free(text, FALSE);
}

/* An opaque object that the walk has made of "the next one": where it is from. */
static const struct place *origin(const struct flow_state *state, const struct place *object)
{
    const struct place *root = place_root_of(object);

    if (root->root != PLACE_OPAQUE || object->depth != 1) {
        return NULL;
    }
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        if (b->place->parent == root && b->place->step == IR_STEP_FIELD && !b->place->record) {
            return term_deref(state->walk->places, b->term);
        }
    }
    return NULL;
}

const char *order_relation(const struct flow_state *state, const struct place *first,
                           const struct place *second)
{
    const char *relation = "";
    int order;
    char *way;

    if (!first || !second) {
        return relation;
    }
    order = places_order(state, first, second);
    if (order != 0) {
        return order > 0 ? "ascending" : "descending";
    }
    objects(&first, &second);
    const struct place *from = origin(state, first), *to = origin(state, second);

    way = way_down(to ? to : second, first);
    if (way && *way) {
        relation = g_intern_string(way);
    }
    g_free(way);
    if (*relation == '\0') {
        way = way_down(from ? from : first, second);
        if (way && *way) {
            char *against = g_strdup_printf("against %s", way);

            relation = g_intern_string(against);
            g_free(against);
        }
        g_free(way);
    }
    return relation;
}
