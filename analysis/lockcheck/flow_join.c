/* Too many states at one point of a function: those that hold the same locks
 * become one, which knows what all of them know. A lock that was taken under
 * a condition and is dropped under the same one stays tied to it, because the
 * states with the lock are not mixed with those without.
 *
 * Invariant: whatever a joined state says of a value is true of each state
 * that went into it. A variable in which they differ gets a value of its own,
 * named by the point and the variable; when the point is reached again, that
 * name stands for the value of the round before. Joining only ever forgets, so
 * that it ends. */
#include "flow_internal.h"

/* Ranges that keep growing are given up after so many joins. */
enum { JOINS_MAX = 16 };

/* Numbers of joined values are above all numbers of events. */
#define JOIN_FIRST (UINT32_MAX / 2)

static guint key_hash(gconstpointer key)
{
    guint64 x = (guint64)GPOINTER_TO_SIZE(key) * UINT64_C(0x9e3779b97f4a7c15);

    return (guint)(x >> 32);
}

/* One for each point and place. */
static uint32_t join_number(struct walk *walk, uint32_t point, const struct place *place)
{
    gpointer key = GSIZE_TO_POINTER((gsize)point << 33 | (gsize)place->id << 1 | place->private);
    uint32_t number;

    if (!walk->join_numbers) {
        walk->join_numbers = g_hash_table_new(key_hash, NULL);
    }
    number = GPOINTER_TO_UINT(g_hash_table_lookup(walk->join_numbers, key));
    if (number == 0) {
        number = UINT32_MAX - g_hash_table_size(walk->join_numbers);
        g_hash_table_insert(walk->join_numbers, key, GUINT_TO_POINTER(number));
    }
    return number;
}

/* Whether a term is the value that some point has given. */
static bool is_joined(const struct term *term)
{
    return term && term->kind == TERM_VALUE && !term->place->parent &&
           term->place->root == PLACE_OPAQUE && term->place->number > JOIN_FIRST &&
           !term->place->old;
}

/* What the state says of values of this point is of the round before. */
void state_leave_join(struct flow_state *state, uint32_t point)
{
    GArray *numbers = NULL;

    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        uint32_t number = is_joined(b->term) ? b->term->place->number : 0;

        if (number > 0 && number == join_number(state->walk, point, b->place)) {
            if (!numbers) {
                numbers = g_array_new(FALSE, FALSE, sizeof number);
            }
            g_array_append_val(numbers, number);
        }
    }
    for (guint i = 0; numbers && i < numbers->len; i++) {
        state_age(state, g_array_index(numbers, uint32_t, i));
    }
    g_clear_pointer(&numbers, g_array_unref);
}

static const struct fact *fact_of(const struct flow_state *state, const struct term *term)
{
    return term ? state_fact(state, term) : NULL;
}

static bool same_range(const struct range *a, const struct range *b)
{
    if (a->lo != b->lo || a->hi != b->hi || a->ne_count != b->ne_count) {
        return false;
    }
    for (int i = 0; i < a->ne_count; i++) {
        if (range_has(b, a->ne[i])) {
            return false;
        }
    }
    return true;
}

/* What the value of the point was known to be holds for `theirs` as well, or
 * is given up. */
static bool join_known(struct flow_state *into, const struct term *value,
                       const struct range *theirs)
{
    struct range joined = state_range(into, value), before = joined;

    range_join(&joined, theirs);
    if (!fact_of(into, value) || same_range(&joined, &before)) {
        return false;
    }
    state_forget_fact(into, value);
    if (into->joins <= JOINS_MAX) {
        (void)state_assume_range(into, value, &joined);
    }
    return true;
}

static bool join_value(struct flow_state *into, const struct flow_state *from,
                       const struct place *place, uint32_t point)
{
    const struct term *mine = state_value(into, place), *theirs = state_value(from, place);
    struct range mine_range = state_range(into, mine), theirs_range = state_range(from, theirs);
    const struct term *value;
    uint32_t number;

    if (mine == theirs) {
        return false;
    }
    number = join_number(into->walk, point, place);
    if (is_joined(mine) && mine->place->number == number) {
        return join_known(into, mine, &theirs_range);
    }
    value = state_unknown(into, place, number);
    range_join(&mine_range, &theirs_range);
    (void)state_assume_range(into, value, &mine_range);
    return true;
}

/* Values that both have, and those that only one has: of the other, it is what
 * it was at entry. */
static bool join_values(struct flow_state *into, const struct flow_state *from, uint32_t point)
{
    GPtrArray *places = g_ptr_array_new();
    bool changed = false;

    for (guint i = 0; into->env && i < into->env->len; i++) {
        g_ptr_array_add(places, (gpointer)g_array_index(into->env, struct binding, i).place);
    }
    for (guint i = 0; from->env && i < from->env->len; i++) {
        g_ptr_array_add(places, (gpointer)g_array_index(from->env, struct binding, i).place);
    }
    for (guint i = 0; i < places->len; i++) {
        changed |= join_value(into, from, g_ptr_array_index(places, i), point);
    }
    g_ptr_array_unref(places);
    return changed;
}

static bool is_of_point(const struct flow_state *state, const struct term *term, uint32_t point)
{
    for (guint i = 0; is_joined(term) && state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        if (b->term == term && join_number(state->walk, point, b->place) == term->place->number) {
            return true;
        }
    }
    return false;
}

static bool join_facts(struct flow_state *into, const struct flow_state *from, uint32_t point)
{
    bool changed = false;

    for (guint i = 0; into->facts && i < into->facts->len;) {
        struct fact *f = &g_array_index(into->facts, struct fact, i);
        struct range theirs = state_range(from, f->term), joined = f->range;

        range_join(&joined, &theirs);
        /* Values of the point are joined with what the others have instead. */
        if (is_of_point(into, f->term, point) || same_range(&joined, &f->range)) {
            i++;
            continue;
        }
        changed = true;
        if (range_is_any(&joined) || into->joins > JOINS_MAX) {
            g_array_remove_index_fast(into->facts, i);
        } else {
            f->range = joined;
            i++;
        }
    }
    return changed;
}

bool state_join(struct flow_state *into, const struct flow_state *from, uint32_t point)
{
    /* Facts first: a value that changes takes what was known of it along. */
    bool changed = join_facts(into, from, point);

    changed |= join_values(into, from, point);
    if (from->coarse && !into->coarse) {
        into->coarse = changed = true;
    }
    if (changed) {
        into->joins++;
        into->coarse = true;
    }
    return changed;
}
