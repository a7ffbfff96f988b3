/* Hashes of states. They are sums over what is in a state, in whatever order
 * it stands there. */
#include "flow_internal.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 29);
}

uint64_t state_lock_hash(const struct flow_state *state)
{
    uint64_t sum = 0;

    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);
        uint64_t hash = mix(mix(5, (uintptr_t)l->place), (uintptr_t)l->held.class);

        hash = mix(hash, (uint64_t)l->held.mode * 64 + (uint64_t)l->held.count * 1024 +
                             l->held.entry * UINT64_C(1) + l->held.asserted * UINT64_C(2) +
                             l->retaken * UINT64_C(4) + l->bulk * UINT64_C(8));
        sum += mix(hash, 6);
    }
    for (guint i = 0; state->released && i < state->released->len; i++) {
        sum += mix(7, (uintptr_t)g_array_index(state->released, struct gone, i).place);
    }
    for (guint i = 0; state->dropped && i < state->dropped->len; i++) {
        sum += mix(8, (uintptr_t)g_array_index(state->dropped, struct gone, i).place);
    }
    return sum;
}

uint64_t state_call_hash(const struct flow_state *state, const struct ir_event *event)
{
    uint64_t sum = mix((uintptr_t)event, state_lock_hash(state));

    for (guint i = 0; i < event->args->len; i++) {
        const struct term *term = state_term(state, g_ptr_array_index(event->args, i));

        sum = mix(sum, (uintptr_t)term);
    }
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        if (place_is_memory(b->place) || b->place->parent) {
            sum += mix(mix(1, (uintptr_t)b->place), (uintptr_t)b->term);
        }
    }
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);

        if (!f->term->private) {
            sum +=
                mix(mix(mix(2, (uintptr_t)f->term), (uint64_t)f->range.lo), (uint64_t)f->range.hi);
        }
    }
    return sum;
}

uint64_t state_hash(const struct flow_state *state)
{
    uint64_t sum = state->coarse;

    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        sum += mix(mix(1, (uintptr_t)b->place), (uintptr_t)b->term);
    }
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);
        uint64_t hash = mix(mix(2, (uintptr_t)f->term), (uint64_t)f->range.lo);

        hash = mix(hash, (uint64_t)f->range.hi);
        for (int n = 0; n < f->range.ne_count; n++) {
            hash += mix(3, (uint64_t)f->range.ne[n]);
        }
        sum += mix(hash, 4);
    }
    return sum + state_lock_hash(state);
}
