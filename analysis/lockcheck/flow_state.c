/* States of a walk: reading and changing what is known. Invariant: env has
 * at most one binding for a place and facts one entry for a term; both stay
 * small, because flow_dead.c drops what is dead at each block. */
#include "flow_internal.h"

enum { ENV_MAX = 192, FACTS_MAX = 96, VALUE_DEPTH = 24 };

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

static const struct term *value_term(const struct flow_state *state, const struct ir_value *value,
                                     int depth);

static const struct place *path_place(const struct flow_state *state, const struct ir_path *path,
                                      int depth)
{
    struct place_table *table = state->walk->places;
    const struct place *place = NULL;

    if (!path || depth > VALUE_DEPTH) {
        return NULL;
    }
    switch (path->root) {
    case IR_ROOT_PARAM:
        place = place_root(table, PLACE_PARAM, path->index, NULL);
        break;
    case IR_ROOT_LOCAL:
        place = place_root(table, PLACE_LOCAL, path->index, NULL);
        break;
    case IR_ROOT_GLOBAL:
        place = place_root(table, PLACE_GLOBAL, 0, path->symbol);
        break;
    case IR_ROOT_UNKNOWN:
        return NULL;
    }
    for (guint i = 0; place && i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        switch (step->kind) {
        case IR_STEP_DEREF:
            place = term_deref(table, state_value(state, place));
            break;
        case IR_STEP_FIELD:
            place = place_field(table, place, step->record, step->name);
            break;
        case IR_STEP_INDEX:
            place =
                place_index(table, place, value_term(state, step->index, depth + 1), step->name);
            break;
        }
    }
    return place;
}

const struct place *state_place(const struct flow_state *state, const struct ir_path *path)
{
    return path_place(state, path, 0);
}

const struct place *state_lock_place(const struct flow_state *state, const struct ir_path *path)
{
    return place_strip(state->walk->flow, path_place(state, path, 0));
}

static const struct term *value_term(const struct flow_state *state, const struct ir_value *value,
                                     int depth)
{
    struct place_table *table = state->walk->places;

    if (!value || depth > VALUE_DEPTH) {
        return NULL;
    }
    switch (value->kind) {
    case IR_VALUE_UNKNOWN:
        return NULL;
    case IR_VALUE_INT:
        return term_int(table, value->number);
    case IR_VALUE_STRING:
        return term_text(table, TERM_STRING, value->text);
    case IR_VALUE_FUNC:
        return term_text(table, TERM_FUNCTION, value->text);
    case IR_VALUE_ADDRESS:
        return term_address(table, path_place(state, value->path, depth));
    case IR_VALUE_LOAD:
        return state_value(state, path_place(state, value->path, depth));
    case IR_VALUE_NOT:
        return term_not(table, value_term(state, value->a, depth + 1));
    case IR_VALUE_COMPARE:
        return term_compare(table, value->op, value_term(state, value->a, depth + 1),
                            value_term(state, value->b, depth + 1));
    case IR_VALUE_OFFSET:
        return term_offset(table, value_term(state, value->a, depth + 1), value->text);
    }
    return NULL;
}

const struct term *state_term(const struct flow_state *state, const struct ir_value *value)
{
    return value_term(state, value, 0);
}

/* Whether a variable still leads to the object. */
static bool reachable(const struct flow_state *state, const struct place *place)
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

/* Makes the present opaque value `number` that of an earlier round. */
void state_age(struct flow_state *state, uint32_t number)
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
    /* Of earlier rounds there may be several: nothing is known of them. */
    for (guint i = 0; state->facts && i < state->facts->len;) {
        const struct term *term = g_array_index(state->facts, struct fact, i).term;

        if (term_mentions(term, number, false) || term_mentions(term, number, true)) {
            g_array_remove_index_fast(state->facts, i);
        } else {
            i++;
        }
    }
    for (guint i = 0; state->locks && i < state->locks->len;) {
        struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);
        const struct place *place = place_age(table, l->place, number);

        if (place == l->place) {
            i++;
            continue;
        }
        const struct flow_lock *other = place ? state_find_lock(state, place, RULE_ANY) : NULL;

        bool known = place && reachable(state, place);

        state->walk->ff->bulk |= !known;
        if (!place || other) {
            g_array_remove_index(state->locks, i);
            continue;
        }
        l->place = place;
        l->held.path = (struct ir_path *)place_path(place);
        l->bulk |= !known;
        i++;
    }
    GArray *lists[] = {state->released, state->dropped};

    for (unsigned n = 0; n < G_N_ELEMENTS(lists); n++) {
        for (guint i = 0; lists[n] && i < lists[n]->len;) {
            if (place_mentions(g_array_index(lists[n], struct gone, i).place, number, false)) {
                state->walk->ff->bulk |= lists[n] == state->released;
                g_array_remove_index(lists[n], i);
            } else {
                i++;
            }
        }
    }
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

static bool term_forgettable(const struct term *term, const GHashTable *names)
{
    if (!term) {
        return false;
    }
    return (term->place && forgettable(term->place, names)) || term_forgettable(term->a, names) ||
           term_forgettable(term->b, names);
}

void state_forget_memory(struct flow_state *state, bool kept_too, const GHashTable *names)
{
    for (guint i = 0; state->facts && i < state->facts->len;) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);

        if ((kept_too || !f->kept) && term_forgettable(f->term, names)) {
            g_array_remove_index_fast(state->facts, i);
        } else {
            i++;
        }
    }
    for (guint i = 0; state->env && i < state->env->len;) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        bool number = b->term->kind == TERM_INT || b->term->kind == TERM_NOT ||
                      b->term->kind == TERM_COMPARE || state_fact(state, b->term);

        if (number && forgettable(b->place, names)) {
            g_array_remove_index_fast(state->env, i);
        } else {
            i++;
        }
    }
}

void state_forget_conditions(struct flow_state *state, bool kept_too)
{
    for (guint i = 0; state->facts && i < state->facts->len;) {
        if (kept_too || !g_array_index(state->facts, struct fact, i).kept) {
            g_array_remove_index_fast(state->facts, i);
        } else {
            i++;
        }
    }
    for (guint i = 0; kept_too && state->env && i < state->env->len;) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);

        /* A parameter's value at entry would come back if its binding went. */
        if (b->term->kind == TERM_INT && b->place->root == PLACE_LOCAL) {
            g_array_remove_index_fast(state->env, i);
        } else {
            i++;
        }
    }
    state->coarse = true;
}
