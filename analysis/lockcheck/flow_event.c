/* What one event does to a state: an assignment, or a call by the summaries of
 * what it may reach. */
#include "flow_internal.h"

enum { EVENT_IDS = 8 };
#define ORIGIN "(origin)"

static bool under(const struct place *place, const struct place *base)
{
    for (; place; place = place->parent) {
        if (place == base) {
            return true;
        }
    }
    return false;
}

/* Whether anybody will ask what is in this place of memory. */
static bool memory_matters(const struct flow_state *state, const struct place *place)
{
    struct place_table *table = state->walk->places;
    const struct place *named = place;

    if (state_fact(state, term_value(table, place)) ||
        state_value(state, place) != term_value(table, place)) {
        return true;
    }
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        if (under(g_array_index(state->locks, struct flow_lock, i).place, place)) {
            return true;
        }
    }
    while (named->parent && named->step != IR_STEP_FIELD) {
        named = named->parent;
    }
    const char *name = named->parent ? named->name : named->symbol;
    const GHashTable *names = state->walk->graph->condition_names;

    return name && g_hash_table_contains((GHashTable *)names, name);
}

/* "*done = true": callers look at it, whoever does here. */
static bool is_out_parameter(const struct place *place)
{
    return place->depth == 1 && place->step == IR_STEP_DEREF && place->root == PLACE_PARAM;
}

static bool endless(const struct term *term)
{
    if (term->kind == TERM_OFFSET) {
        return term->a->kind == TERM_OFFSET || endless(term->a);
    }
    return term->place && (term->place->repeats || term->place->depth > PLACE_MAX_DEPTH / 2);
}

void event_assign(struct flow_state *state, const struct ir_event *event)
{
    struct walk *walk = state->walk;
    const struct place *place = state_place(state, event->path);
    const struct term *term = event->kind == IR_SET ? state_term(state, event->value) : NULL;

    if (!place) {
        return;
    }
    bool alias = term && (term->kind == TERM_ADDRESS || term->kind == TERM_VALUE);

    bool answer = term && term->kind == TERM_INT && is_out_parameter(place);

    if (place_is_memory(place) && !alias && !answer && !memory_matters(state, place)) {
        return;
    }
    if (!term || endless(term)) {
        const struct term *unknown = state_unknown(state, place, walk->number * EVENT_IDS);

        /* "The next one": where it comes from tells how it relates to others. */
        if (alias) {
            state_bind(state, place_field(walk->places, unknown->place, NULL, ORIGIN),
                       term_age(walk->places, term, walk->number * EVENT_IDS));
        }
    } else {
        state_bind(state, place, term);
    }
}

/* What the called function may have written: locals that it got the address
 * of, and memory by name. */
static void forget_written(struct flow_state *state, const struct ir_event *event,
                           const struct effect *effect)
{
    struct walk *walk = state->walk;
    const struct ir_function *function = walk->function->ir;

    for (guint i = 0; i < event->args->len; i++) {
        const struct term *term = state_term(state, g_ptr_array_index(event->args, i));
        const GPtrArray *variables = NULL;
        const struct place *place = term && term->kind == TERM_ADDRESS ? term->place : NULL;

        if (!place || place->parent) {
            continue;
        }
        if (place->root == PLACE_LOCAL) {
            variables = function->locals;
        } else if (place->root == PLACE_PARAM) {
            variables = function->params;
        }
        if (!variables || place->number >= variables->len) {
            continue;
        }
        const struct ir_variable *variable = g_ptr_array_index(variables, place->number);

        if (!variable->type.array && (!variable->type.record || variable->type.pointers > 0)) {
            (void)state_unknown(state, place, walk->number * EVENT_IDS + 1 + MIN(i, 5u));
        }
    }
    if (effect->writes_anything) {
        state_forget_memory(state, false, NULL);
    } else if (effect->writes) {
        state_forget_memory(state, true, effect->writes);
    }
}

static bool apply_out(struct flow_state *state, const struct ir_event *event, const struct out *out)
{
    struct walk *walk = state->walk;
    const struct place *result = NULL;

    for (guint i = 0; out->conditions && i < out->conditions->len; i++) {
        const struct fact *f = &g_array_index(out->conditions, struct fact, i);

        if (!state_assume_range(state, f->term, &f->range)) {
            return false;
        }
    }
    if (event->result >= 0) {
        result = place_root(walk->places, PLACE_LOCAL, (uint32_t)event->result, NULL);
    }
    /* Ages what the event gave in an earlier round, also where nobody looks at
     * the result: a lock in the object returned is named by it. */
    const struct term *unknown = state_unknown(state, result, walk->number * EVENT_IDS);

    if (out->result) {
        state_bind(state, result, out->result);
        unknown = out->result;
    }
    if (!range_is_any(&out->range) && !state_assume_range(state, unknown, &out->range)) {
        return false;
    }
    for (guint i = 0; out->released && i < out->released->len; i++) {
        (void)state_release(state, &g_array_index(out->released, struct gone, i));
    }
    if (out->acquired && walk->ff->writes) {
        state_forget_memory(state, false, walk->ff->writes);
    }
    for (guint i = 0; out->acquired && i < out->acquired->len; i++) {
        state_acquire(state, &g_array_index(out->acquired, struct flow_lock, i));
    }
    for (guint i = 0; out->dropped && i < out->dropped->len; i++) {
        const struct gone *gone = &g_array_index(out->dropped, struct gone, i);

        if (!state_find_lock(state, gone->place, RULE_ANY) &&
            !gone_find(state->dropped, gone->place) && !gone_find(state->released, gone->place)) {
            gone_remember(&state->dropped, gone);
        }
    }
    for (guint i = 0; out->stores && i < out->stores->len; i++) {
        const struct out_store *store = &g_array_index(out->stores, struct out_store, i);

        state_bind(state, store->place, store->term);
    }
    state->coarse |= out->coarse;
    return true;
}

/* Whether the call has not been noted yet with what the state says of it. */
static bool is_news(struct walk *walk, const struct flow_state *state, const struct ir_event *event)
{
    gint64 hash;

    if (!walk->summary) {
        return false;
    }
    hash = (gint64)state_call_hash(state, event);
    if (!walk->noted) {
        walk->noted = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    }
    if (g_hash_table_contains(walk->noted, &hash)) {
        return false;
    }
    return g_hash_table_add(walk->noted, g_memdup2(&hash, sizeof hash));
}

void event_call(struct flow_state *state, const struct ir_event *event, GPtrArray *after)
{
    struct walk *walk = state->walk;
    bool news = is_news(walk, state, event);
    struct effect *effect = effect_of_call(walk, state, event, news);

    if (!effect) {
        static const struct out nothing = {.range = {.lo = INT64_MIN, .hi = INT64_MAX}};
        const struct effect none = {.known = false};

        forget_written(state, event, &none);
        (void)apply_out(state, event, &nothing);
        g_ptr_array_add(after, state);
        return;
    }
    if (news) {
        summary_note(walk, state, effect);
    }
    forget_written(state, event, effect);
    for (unsigned n = 0; n < G_N_ELEMENTS(effect->forget); n++) {
        struct flow_lock *l =
            effect->forget[n] ? state_find_lock(state, effect->forget[n], RULE_ANY) : NULL;

        if (l) {
            g_array_remove_index(state->locks,
                                 (guint)(l - (struct flow_lock *)(void *)state->locks->data));
        }
    }
    for (guint i = 0; i < effect->outs->len; i++) {
        struct flow_state *next = state_copy(state);

        if (apply_out(next, event, g_ptr_array_index(effect->outs, i))) {
            g_ptr_array_add(after, next);
        } else {
            state_free(next);
        }
    }
    state_free(state);
    effect_free(effect);
}
