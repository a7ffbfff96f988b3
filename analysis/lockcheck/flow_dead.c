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
    const struct place *root;

    if (!term) {
        return true;
    }
    if (!term_alive(state, term->a, block) || !term_alive(state, term->b, block)) {
        return false;
    }
    if (!term->place) {
        return true;
    }
    root = place_root_of(term->place);
    if (root->root == PLACE_OPAQUE) {
        return opaque_alive(state, root);
    }
    return root->root != PLACE_LOCAL || graph_live(state->walk->graph, block, root->number);
}

void state_drop_dead(struct flow_state *state, uint32_t block)
{
    const struct graph *graph = state->walk->graph;

    for (guint i = 0; state->env && i < state->env->len;) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        const struct place *place = b->place;

        /* NOLINTNEXTLINE(bugprone-branch-clone): dead for one reason, or for another */
        if (is_origin(b) && !opaque_alive(state, place_root_of(place))) {
            g_array_remove_index_fast(state->env, i);
        } else if (place->root == PLACE_LOCAL && !place_is_memory(place) &&
                   !graph_live(graph, block, place_root_of(place)->number)) {
            g_array_remove_index_fast(state->env, i);
        } else {
            i++;
        }
    }
    for (guint i = 0; state->facts && i < state->facts->len;) {
        const struct term *term = g_array_index(state->facts, struct fact, i).term;

        if (term->private && !term_alive(state, term, block)) {
            g_array_remove_index_fast(state->facts, i);
        } else {
            i++;
        }
    }
    if (state->dropped && !graph->may_release[block]) {
        g_array_set_size(state->dropped, 0);
    }
}
