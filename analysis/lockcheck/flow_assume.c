/* Conditions: what a branch tells about the values it looks at, and whether
 * it can be taken at all. Invariant: a state never holds an empty range; an
 * assumption that would make one says that the path is impossible. */
#include "flow_internal.h"

enum { FACTS_MAX = 96 };

const struct fact *state_fact(const struct flow_state *state, const struct term *term)
{
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);

        if (f->term == term) {
            return f;
        }
    }
    return NULL;
}

void state_forget_fact(struct flow_state *state, const struct term *term)
{
    const struct fact *f = state_fact(state, term);

    if (f) {
        g_array_remove_index_fast(state->facts,
                                  (guint)(f - (const struct fact *)(void *)state->facts->data));
    }
}

struct range state_range(const struct flow_state *state, const struct term *term)
{
    struct range range = range_any;
    const struct fact *f;

    if (!term) {
        return range;
    }
    switch (term->kind) {
    case TERM_INT:
        range.lo = range.hi = term->number;
        return range;
    case TERM_ADDRESS:
    case TERM_FUNCTION:
    case TERM_STRING:
        range_restrict(&range, IR_NE, 0);
        return range;
    case TERM_NOT:
    case TERM_COMPARE: {
        int truth = state_truth(state, term);

        range.lo = truth == 1;
        range.hi = truth != 0;
        return range;
    }
    case TERM_VALUE:
    case TERM_OFFSET:
        f = state_fact(state, term);
        return f ? f->range : range;
    }
    return range;
}

/* Compared with a constant: 1, 0 or -1. */
static int range_compare(struct range range, enum ir_compare op, int64_t number)
{
    struct range yes = range, no = range;

    range_restrict(&yes, op, number);
    range_restrict(&no, op == IR_EQ ? IR_NE : IR_GE, number);
    return range_is_empty(&yes) ? 0 : range_is_empty(&no) ? 1 : -1;
}

static bool fixed_address(const struct term *term)
{
    return term->kind == TERM_ADDRESS && !term->place->parent;
}

static int compare_truth(const struct flow_state *state, const struct term *term)
{
    const struct fact *f = state_fact(state, term);

    if (f) {
        return f->range.lo == f->range.hi ? f->range.lo != 0 : -1;
    }
    if (term->b->kind == TERM_INT) {
        return range_compare(state_range(state, term->a), term->op, term->b->number);
    }
    if (term->op == IR_LT && term->a->kind == TERM_INT) {
        struct range range = state_range(state, term->b);
        struct range yes = range, no = range;

        range_restrict(&yes, IR_GT, term->a->number);
        range_restrict(&no, IR_LE, term->a->number);
        return range_is_empty(&yes) ? 0 : range_is_empty(&no) ? 1 : -1;
    }
    if (term->op == IR_EQ) {
        struct range a = state_range(state, term->a), b = state_range(state, term->b);

        if (range_disjoint(&a, &b)) {
            return 0;
        }
        /* Two variables have two addresses. */
        if (fixed_address(term->a) && fixed_address(term->b)) {
            return 0;
        }
    }
    return -1;
}

int state_truth(const struct flow_state *state, const struct term *term)
{
    struct range range;
    int truth;

    if (!term) {
        return -1;
    }
    switch (term->kind) {
    case TERM_NOT:
        truth = state_truth(state, term->a);
        return truth < 0 ? -1 : !truth;
    case TERM_COMPARE:
        return compare_truth(state, term);
    default:
        range = state_range(state, term);
        if (!range_has(&range, 0)) {
            return 1;
        }
        return range.lo == 0 && range.hi == 0 ? 0 : -1;
    }
}

static void note(struct flow_state *state, const struct term *term, const struct range *range)
{
    struct fact f = {.term = term, .range = *range};

    if (range_is_any(range)) {
        return;
    }
    if (!state->facts) {
        state->facts = g_array_new(FALSE, FALSE, sizeof(struct fact));
    }
    for (guint i = 0; i < state->facts->len; i++) {
        if (g_array_index(state->facts, struct fact, i).term == term) {
            g_array_index(state->facts, struct fact, i).range = *range;
            return;
        }
    }
    if (state->facts->len < FACTS_MAX) {
        g_array_append_val(state->facts, f);
    }
}

bool state_assume_range(struct flow_state *state, const struct term *term,
                        const struct range *range)
{
    struct range known = state_range(state, term);

    if (!term) {
        return true;
    }
    if (term->kind == TERM_NOT || term->kind == TERM_COMPARE) {
        if (!range_has(range, 0)) {
            return state_assume(state, term, true);
        }
        return range->lo != 0 || range->hi != 0 || state_assume(state, term, false);
    }
    range_restrict(&known, IR_GE, range->lo);
    range_restrict(&known, IR_LE, range->hi);
    for (int i = 0; i < range->ne_count; i++) {
        range_restrict(&known, IR_NE, range->ne[i]);
    }
    if (range_is_empty(&known)) {
        return false;
    }
    if (term->kind == TERM_VALUE || term->kind == TERM_OFFSET) {
        note(state, term, &known);
    }
    return true;
}

static void note_truth(struct flow_state *state, const struct term *term, bool truth)
{
    struct range range = {.lo = truth, .hi = truth};

    if (term && term->kind == TERM_COMPARE) {
        note(state, term, &range);
    } else if (term && term->kind == TERM_NOT && term->a->kind == TERM_COMPARE) {
        range.lo = range.hi = !truth;
        note(state, term->a, &range);
    }
}

static bool assume_compare(struct flow_state *state, const struct term *term, bool truth)
{
    struct place_table *table = state->walk->places;
    const struct term *value = NULL;
    struct range range = range_any;

    if (term->b->kind == TERM_INT) {
        /* (a == b) == 0 and the like: conditions in macros look so. */
        if (term->op == IR_EQ && (term->a->kind == TERM_COMPARE || term->a->kind == TERM_NOT) &&
            (term->b->number == 0 || term->b->number == 1)) {
            return state_assume(state, term->a, (term->b->number == 1) == truth);
        }
        value = term->a;
        if (term->op == IR_EQ) {
            range_restrict(&range, truth ? IR_EQ : IR_NE, term->b->number);
        } else {
            range_restrict(&range, truth ? IR_LT : IR_GE, term->b->number);
        }
    } else if (term->a->kind == TERM_INT && term->op == IR_LT) {
        value = term->b;
        range_restrict(&range, truth ? IR_GT : IR_LE, term->a->number);
    }
    if (value) {
        return state_assume_range(state, value, &range);
    }
    note_truth(state, term, truth);
    if (!truth) {
        return true;
    }
    if (term->op == IR_LT) {
        note_truth(state, term_compare(table, IR_LT, term->b, term->a), false);
        note_truth(state, term_compare(table, IR_EQ, term->a, term->b), false);
    } else {
        note_truth(state, term_compare(table, IR_LT, term->a, term->b), false);
        note_truth(state, term_compare(table, IR_LT, term->b, term->a), false);
    }
    return true;
}

bool state_assume(struct flow_state *state, const struct term *term, bool truth)
{
    struct range range = range_any;
    int known = state_truth(state, term);

    if (!term) {
        return true;
    }
    if (known >= 0 && (known == 1) != truth) {
        return false;
    }
    if (term->kind == TERM_NOT) {
        return state_assume(state, term->a, !truth);
    }
    if (term->kind == TERM_COMPARE) {
        return assume_compare(state, term, truth);
    }
    range_restrict(&range, truth ? IR_NE : IR_EQ, 0);
    return state_assume_range(state, term, &range);
}
