/* Places: locations made of steps from a root. */
#include "flow_place_internal.h"

const struct place *place_root(struct place_table *table, enum place_root root, uint32_t number,
                               const char *symbol)
{
    struct place wanted = {.root = root, .number = number, .symbol = symbol, .local = -1};

    wanted.private = root == PLACE_LOCAL || root == PLACE_OPAQUE;
    wanted.opaque = root == PLACE_OPAQUE;
    return place_intern(table, &wanted);
}

const struct place *place_opaque(struct place_table *table, uint32_t number, bool old,
                                 int32_t local)
{
    struct place wanted = {.root = PLACE_OPAQUE, .number = number, .old = old, .local = local};

    wanted.private = true;
    wanted.opaque = true;
    return place_intern(table, &wanted);
}

const struct place *place_deref(struct place_table *table, const struct place *parent)
{
    return place_step(table, parent, IR_STEP_DEREF, NULL, NULL, NULL);
}

const struct place *place_field(struct place_table *table, const struct place *parent,
                                const char *record, const char *name)
{
    return place_step(table, parent, IR_STEP_FIELD, record, name, NULL);
}

const struct place *place_index(struct place_table *table, const struct place *parent,
                                const struct term *key, const char *name)
{
    /* Known keys are the same whatever they were called. */
    return place_step(table, parent, IR_STEP_INDEX, NULL, key ? NULL : name, key);
}

const struct place *place_root_of(const struct place *place)
{
    while (place->parent) {
        place = place->parent;
    }
    return place;
}

bool place_has_field(const struct place *place, const char *record, const char *name)
{
    for (; place->parent; place = place->parent) {
        if (place->step == IR_STEP_FIELD && place->name == name && place->record == record) {
            return true;
        }
    }
    return false;
}

bool place_is_memory(const struct place *place)
{
    if (place->root == PLACE_GLOBAL) {
        return true;
    }
    for (; place->parent; place = place->parent) {
        if (place->step == IR_STEP_DEREF) {
            return true;
        }
    }
    return false;
}

bool place_is_vague(const struct place *place)
{
    return place->step == IR_STEP_INDEX && place->key && place->key->kind == TERM_OFFSET &&
           g_strcmp0(place->key->text, "...") == 0;
}

const struct place *place_age(struct place_table *table, const struct place *place, uint32_t number)
{
    if (!place || !place->opaque) {
        return place;
    }
    if (!place->parent) {
        return place->number == number && !place->old
                   ? place_opaque(table, number, true, place->local)
                   : place;
    }
    const struct place *parent = place_age(table, place->parent, number);
    const struct term *key = term_age(table, place->key, number);

    if (parent == place->parent && key == place->key) {
        return place;
    }
    return place_step(table, parent, place->step, place->record, place->name, key);
}

bool place_mentions(const struct place *place, uint32_t opaque, bool old)
{
    for (; place && place->opaque; place = place->parent) {
        if (term_mentions(place->key, opaque, old) ||
            (!place->parent && place->number == opaque && place->old == old)) {
            return true;
        }
    }
    return false;
}
