/* States of a walk: what is known of variables. Invariant: env has at most one
 * binding for a place and facts one entry for a term; both stay small, because
 * flow_dead.c drops what is dead at each block. */
#include "flow_internal.h"

enum { ENV_MAX = 192 };

static GArray *vector_copy(const GArray *from, guint size)
{
    if (!from || from->len == 0) {
        return NULL;
    }
    GArray *copy = g_array_sized_new(FALSE, FALSE, size, from->len + 2);

    return g_array_append_vals(copy, from->data, from->len);
}

static void vector_free(GArray *vector)
{
    if (vector) {
        g_array_unref(vector);
    }
}

struct flow_state *state_new(struct walk *walk)
{
    struct flow_state *state = g_new0(struct flow_state, 1);

    state->walk = walk;
    return state;
}

struct flow_state *state_copy(const struct flow_state *state)
{
    struct flow_state *copy = state_new(state->walk);

    copy->env = vector_copy(state->env, sizeof(struct binding));
    copy->facts = vector_copy(state->facts, sizeof(struct fact));
    copy->locks = vector_copy(state->locks, sizeof(struct flow_lock));
    copy->released = vector_copy(state->released, sizeof(struct gone));
    copy->dropped = vector_copy(state->dropped, sizeof(struct gone));
    copy->coarse = state->coarse;
    copy->joins = state->joins;
    return copy;
}

void state_free(struct flow_state *state)
{
    if (!state) {
        return;
    }
    vector_free(state->env);
    vector_free(state->facts);
    vector_free(state->locks);
    vector_free(state->released);
    vector_free(state->dropped);
    g_free(state);
}

const struct term *state_value(const struct flow_state *state, const struct place *place)
{
    if (!place) {
        return NULL;
    }
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        if (b->place == place) {
            return b->term;
        }
    }
    return term_value(state->walk->places, place);
}

bool state_leads_to(const struct flow_state *state, const struct place *place)
{
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        const struct place *object = NULL;

        if (b->term->kind == TERM_ADDRESS || b->term->kind == TERM_VALUE) {
            object = term_deref(state->walk->places, b->term);
        }
        for (const struct place *up = place; object && up; up = up->parent) {
            if (up == object) {
                return true;
            }
        }
    }
    return false;
}

void state_bind(struct flow_state *state, const struct place *place, const struct term *term)
{
    if (!place || !term) {
        return;
    }
    if (!state->env) {
        state->env = g_array_new(FALSE, FALSE, sizeof(struct binding));
    }
    for (guint i = 0; i < state->env->len; i++) {
        struct binding *b = &g_array_index(state->env, struct binding, i);

        if (b->place == place) {
            b->term = term;
            return;
        }
    }
    struct binding b = {.place = place, .term = term};

    /* Hostile input: the oldest is forgotten. */
    if (state->env->len >= ENV_MAX) {
        g_array_remove_index_fast(state->env, 0);
    }
    g_array_append_val(state->env, b);
}

const struct term *state_unknown(struct flow_state *state, const struct place *place,
                                 uint32_t number)
{
    int32_t local =
        place && !place->parent && place->root == PLACE_LOCAL ? (int32_t)place->number : -1;
    const struct place *opaque = place_opaque(state->walk->places, number, false, local);

    state_age(state, number);
    const struct term *term = term_value(state->walk->places, opaque);

    state_bind(state, place, term);
    return term;
}

void state_drop_bindings(struct flow_state *state, binding_test *test, const void *context)
{
    for (guint i = 0; state->env && i < state->env->len;) {
        if (test(state, &g_array_index(state->env, struct binding, i), context)) {
            g_array_remove_index_fast(state->env, i);
        } else {
            i++;
        }
    }
}

void state_drop_facts(struct flow_state *state, fact_test *test, const void *context)
{
    for (guint i = 0; state->facts && i < state->facts->len;) {
        if (test(state, &g_array_index(state->facts, struct fact, i), context)) {
            g_array_remove_index_fast(state->facts, i);
        } else {
            i++;
        }
    }
}
