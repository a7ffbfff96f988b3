/* Terms: values made of places, constants and other terms. */
#include "flow_place_internal.h"

const struct term *term_int(struct place_table *table, int64_t number)
{
    struct term wanted = {.kind = TERM_INT, .number = number};

    return term_intern(table, &wanted);
}

const struct term *term_address(struct place_table *table, const struct place *place)
{
    /* &*p is p. */
    if (place && place->parent && place->step == IR_STEP_DEREF) {
        return term_value(table, place->parent);
    }
    return term_of_place(table, TERM_ADDRESS, place);
}

const struct term *term_value(struct place_table *table, const struct place *place)
{
    return term_of_place(table, TERM_VALUE, place);
}

const struct term *term_text(struct place_table *table, enum term_kind kind, const char *text)
{
    struct term wanted = {.kind = kind, .text = text};

    return term_intern(table, &wanted);
}

const struct term *term_not(struct place_table *table, const struct term *a)
{
    if (a && a->kind == TERM_INT) {
        return term_int(table, a->number == 0);
    }
    if (a && a->kind == TERM_NOT && (a->a->kind == TERM_COMPARE || a->a->kind == TERM_NOT)) {
        return a->a;
    }
    return term_compound(table, TERM_NOT, IR_EQ, a, NULL, NULL);
}

const struct term *term_compare(struct place_table *table, enum ir_compare op, const struct term *a,
                                const struct term *b)
{
    if (!a || !b) {
        return NULL;
    }
    switch (op) {
    case IR_EQ:
        if (a == b) {
            return term_int(table, 1);
        }
        if (a->kind == TERM_INT && b->kind == TERM_INT) {
            return term_int(table, 0);
        }
        /* The constant stands right; otherwise the older term left. */
        if (a->kind == TERM_INT || (b->kind != TERM_INT && b->id < a->id)) {
            return term_compound(table, TERM_COMPARE, IR_EQ, b, a, NULL);
        }
        return term_compound(table, TERM_COMPARE, IR_EQ, a, b, NULL);
    case IR_NE:
        return term_not(table, term_compare(table, IR_EQ, a, b));
    case IR_LT:
        if (a->kind == TERM_INT && b->kind == TERM_INT) {
            return term_int(table, a->number < b->number);
        }
        return a == b ? term_int(table, 0) : term_compound(table, TERM_COMPARE, IR_LT, a, b, NULL);
    case IR_GT:
        return term_compare(table, IR_LT, b, a);
    case IR_LE:
        return term_not(table, term_compare(table, IR_LT, b, a));
    case IR_GE:
        return term_not(table, term_compare(table, IR_LT, a, b));
    }
    return NULL;
}

const struct term *term_pair(struct place_table *table, const struct term *a, const struct term *b,
                             const char *text)
{
    return b ? term_compound(table, TERM_OFFSET, IR_EQ, a, b, text) : NULL;
}

const struct term *term_offset(struct place_table *table, const struct term *a, const char *text)
{
    return term_compound(table, TERM_OFFSET, IR_EQ, a, NULL, text);
}

const struct place *term_deref(struct place_table *table, const struct term *term)
{
    if (!term) {
        return NULL;
    }
    switch (term->kind) {
    case TERM_ADDRESS:
        return term->place;
    case TERM_VALUE:
        return place_deref(table, term->place);
    case TERM_OFFSET:
        return place_index(table, term_deref(table, term->a), NULL, term->text);
    default:
        return NULL;
    }
}

const struct term *term_age(struct place_table *table, const struct term *term, uint32_t number)
{
    if (!term || !term->opaque) {
        return term;
    }
    switch (term->kind) {
    case TERM_ADDRESS:
    case TERM_VALUE:
        return term_of_place(table, term->kind, place_age(table, term->place, number));
    case TERM_NOT:
    case TERM_OFFSET:
    case TERM_COMPARE:
        return term_compound(table, term->kind, term->op, term_age(table, term->a, number),
                             term_age(table, term->b, number), term->text);
    default:
        return term;
    }
}

void term_parts_init(struct term_parts *parts, const struct term *term)
{
    parts->count = 0;
    if (term) {
        parts->rest[parts->count++] = term;
    }
}

const struct term *term_parts_next(struct term_parts *parts)
{
    const struct term *part;

    if (parts->count == 0) {
        return NULL;
    }
    part = parts->rest[--parts->count];
    if (part->b) {
        parts->rest[parts->count++] = part->b;
    }
    if (part->a) {
        parts->rest[parts->count++] = part->a;
    }
    return part;
}

bool term_mentions(const struct term *term, uint32_t opaque, bool old)
{
    struct term_parts parts;
    const struct term *part;

    if (!term || !term->opaque) {
        return false;
    }
    term_parts_init(&parts, term);
    while ((part = term_parts_next(&parts))) {
        if (place_mentions(part->place, opaque, old)) {
            return true;
        }
    }
    return false;
}
