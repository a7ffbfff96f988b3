/* What of a state cannot matter any more: locals that nobody reads again, and
 * values that nothing speaks of. Without it, states would differ for no reason
 * that counts. */
#include "flow_internal.h"

static bool is_origin(const struct binding *b)
{
    return b->place->parent && b->place->step == IR_STEP_FIELD && !b->place->record;
}

/* Whether anything else in the state speaks of an opaque value. */
static bool opaque_alive(const struct flow_state *state, const struct place *root)
{
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        if (is_origin(b)) {
            continue;
        }
        if (term_mentions(b->term, root->number, root->old) ||
            place_mentions(b->place, root->number, root->old)) {
            return true;
        }
    }
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        if (place_mentions(g_array_index(state->locks, struct flow_lock, i).place, root->number,
                           root->old)) {
            return true;
        }
    }
    return false;
}

static bool term_alive(const struct flow_state *state, const struct term *term, uint32_t block)
{
    const struct place *root = term->place ? place_root_of(term->place) : NULL;

    if (root && root->root == PLACE_OPAQUE) {
        return opaque_alive(state, root);
    }
    return !root || root->root != PLACE_LOCAL ||
           graph_live(state->walk->graph, block, root->number);
}

static bool fact_dead(const struct flow_state *state, const struct fact *fact, const void *block)
{
    struct term_parts parts;
    const struct term *part;

    if (!fact->term->private) {
        return false;
    }
    term_parts_init(&parts, fact->term);
    while ((part = term_parts_next(&parts))) {
        if (!term_alive(state, part, *(const uint32_t *)block)) {
            return true;
        }
    }
    return false;
}

static bool binding_dead(const struct flow_state *state, const struct binding *b, const void *block)
{
    const struct place *place = b->place, *root = place_root_of(place);

    if (is_origin(b) && !opaque_alive(state, root)) {
        return true;
    }
    return place->root == PLACE_LOCAL && !place_is_memory(place) &&
           !graph_live(state->walk->graph, *(const uint32_t *)block, root->number);
}

void state_drop_dead(struct flow_state *state, uint32_t block)
{
    state_drop_bindings(state, binding_dead, &block);
    state_drop_facts(state, fact_dead, &block);
    if (state->dropped && !state->walk->graph->may_release[block]) {
        g_array_set_size(state->dropped, 0);
    }
}
