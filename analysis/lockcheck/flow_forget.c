/* What a state forgets: what may have changed, conditions where there are too
 * many, and what is of an earlier round of a loop. */
#include "flow_internal.h"

struct memory {
    bool kept_too;
    const GHashTable *names; /* NULL: all */
};

static bool forgettable(const struct place *place, const GHashTable *names)
{
    if (!place_is_memory(place)) {
        return false;
    }
    if (!names) {
        return true;
    }
    while (place->parent && place->step != IR_STEP_FIELD) {
        place = place->parent;
    }
    return g_hash_table_contains((GHashTable *)names, place->parent ? place->name : place->symbol);
}

static bool binding_forgettable(const struct flow_state *state, const struct binding *binding,
                                const void *context)
{
    const struct memory *memory = context;
    const struct term *term = binding->term;
    bool number = term->kind == TERM_INT || term->kind == TERM_NOT || term->kind == TERM_COMPARE ||
                  state_fact(state, term);

    return number && forgettable(binding->place, memory->names);
}

static bool fact_forgettable(const struct flow_state *state, const struct fact *fact,
                             const void *context)
{
    const struct memory *memory = context;
    struct term_parts parts;
    const struct term *part;

    (void)state;
    if (fact->kept && !memory->kept_too) {
        return false;
    }
    term_parts_init(&parts, fact->term);
    while ((part = term_parts_next(&parts))) {
        if (part->place && forgettable(part->place, memory->names)) {
            return true;
        }
    }
    return false;
}

void state_forget_memory(struct flow_state *state, bool kept_too, const GHashTable *names)
{
    const struct memory memory = {.kept_too = kept_too, .names = names};

    state_drop_facts(state, fact_forgettable, &memory);
    state_drop_bindings(state, binding_forgettable, &memory);
}

static bool is_condition(const struct flow_state *state, const struct fact *fact,
                         const void *kept_too)
{
    (void)state;
    return !fact->kept || *(const bool *)kept_too;
}

static bool is_local_number(const struct flow_state *state, const struct binding *binding,
                            const void *context)
{
    (void)state;
    (void)context;
    /* A parameter's value at entry would come back if its binding went. */
    return binding->term->kind == TERM_INT && binding->place->root == PLACE_LOCAL;
}

void state_forget_conditions(struct flow_state *state, bool kept_too)
{
    state_drop_facts(state, is_condition, &kept_too);
    if (kept_too) {
        state_drop_bindings(state, is_local_number, NULL);
    }
    state->coarse = true;
}

static void age_bindings(struct flow_state *state, uint32_t number)
{
    struct place_table *table = state->walk->places;

    for (guint i = 0; state->env && i < state->env->len;) {
        struct binding *b = &g_array_index(state->env, struct binding, i);

        b->place = place_age(table, b->place, number);
        b->term = term_age(table, b->term, number);
        if (!b->place || !b->term) {
            g_array_remove_index_fast(state->env, i);
        } else {
            i++;
        }
    }
}

static bool mentions(const struct flow_state *state, const struct fact *fact, const void *context)
{
    const uint32_t *number = context;

    (void)state;
    return term_mentions(fact->term, *number, false) || term_mentions(fact->term, *number, true);
}

void state_age(struct flow_state *state, uint32_t number)
{
    age_bindings(state, number);
    /* Of earlier rounds there may be several: nothing is known of them. */
    state_drop_facts(state, mentions, &number);
    state_age_locks(state, number);
}
