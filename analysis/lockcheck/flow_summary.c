/* Summaries: what a walk found out about a function, in terms that callers
 * understand. Invariant: the places and terms of a summary are in the
 * program's table; numbers of ways out, takes and waits are bounded. */
#include "flow_internal.h"

enum { WALK_OUTS_MAX = 512, CONDITIONS_MAX = 6, STORES_MAX = 4 };

struct summary *summary_new(void)
{
    struct summary *summary = g_new0(struct summary, 1);

    summary->outs = g_ptr_array_new_with_free_func(out_free);
    summary->takes = g_ptr_array_new();
    summary->waits = g_ptr_array_new();
    summary->take_index = take_index_new();
    return summary;
}

void summary_free(struct summary *summary)
{
    if (summary) {
        g_ptr_array_unref(summary->outs);
        g_ptr_array_unref(summary->takes);
        g_ptr_array_unref(summary->waits);
        g_hash_table_unref(summary->take_index);
        g_free(summary);
    }
}

const struct place *summary_place(struct flow *flow, const struct place *place,
                                  const struct place *result)
{
    struct place_table *table = flow->places;
    const struct place *parent;

    if (!place || !place->private) {
        return place;
    }
    if (place == result) {
        return place_deref(table, place_root(table, PLACE_RESULT, 0, NULL));
    }
    if (!place->parent) {
        return NULL;
    }
    parent = summary_place(flow, place->parent, result);
    if (!parent) {
        return NULL;
    }
    switch (place->step) {
    case IR_STEP_DEREF:
        return place_deref(table, parent);
    case IR_STEP_FIELD:
        return place_field(table, parent, place->record, place->name);
    case IR_STEP_INDEX:
        break;
    }
    return place_index(table, parent, place->key && !place->key->private ? place->key : NULL,
                       place->name ? place->name : "...");
}

static void append(GArray **list, const void *element, guint size)
{
    if (!*list) {
        *list = g_array_new(FALSE, FALSE, size);
    }
    g_array_append_vals(*list, element, 1);
}

/* Order does not matter in what is compared. */
static gint by_place(gconstpointer left, gconstpointer right)
{
    const struct place *a = *(const struct place *const *)left;
    const struct place *b = *(const struct place *const *)right;

    return (a->id > b->id) - (a->id < b->id);
}

static gint lock_order(gconstpointer left, gconstpointer right)
{
    return by_place(&((const struct flow_lock *)left)->place,
                    &((const struct flow_lock *)right)->place);
}

static gint gone_order(gconstpointer left, gconstpointer right)
{
    return by_place(&((const struct gone *)left)->place, &((const struct gone *)right)->place);
}

static void out_locks(struct flow *flow, const struct flow_state *state, const struct place *result,
                      struct out *out)
{
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        struct flow_lock l = g_array_index(state->locks, struct flow_lock, i);

        if (l.held.entry || l.held.asserted || l.retaken || l.bulk) {
            continue;
        }
        l.place = summary_place(flow, l.place, result);
        if (l.place) {
            l.held.path = NULL;
            l.held.via = NULL;
            append(&out->acquired, &l, sizeof l);
        }
    }
    for (guint i = 0; state->released && i < state->released->len; i++) {
        struct gone gone = g_array_index(state->released, struct gone, i);

        gone.place = summary_place(flow, gone.place, result);
        if (gone.place) {
            append(&out->released, &gone, sizeof gone);
        }
    }
    for (guint i = 0; state->dropped && i < state->dropped->len; i++) {
        struct gone gone = g_array_index(state->dropped, struct gone, i);

        gone.place = summary_place(flow, gone.place, result);
        if (gone.place && gone.class && gone.class->recursion == LOCK_PLAIN) {
            append(&out->dropped, &gone, sizeof gone);
        }
    }
    if (out->acquired) {
        g_array_sort(out->acquired, lock_order);
    }
    if (out->released) {
        g_array_sort(out->released, gone_order);
    }
}

static bool is_pointee(const struct place *place)
{
    return place->depth == 1 && place->root == PLACE_PARAM && place->step == IR_STEP_DEREF;
}

/* Where a caller finds out how it went: "*done", "state->locked". */
static bool is_answer(const struct place *place)
{
    if (place->depth == 2 && place->step == IR_STEP_FIELD) {
        place = place->parent;
    }
    return is_pointee(place);
}

static void out_knowledge(const struct flow_state *state, struct out *out)
{
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);

        if (!f->term->private && (!out->conditions || out->conditions->len < CONDITIONS_MAX)) {
            append(&out->conditions, f, sizeof *f);
        }
    }
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        const struct place *p = b->place;
        bool pointer = b->term->kind == TERM_ADDRESS || b->term->kind == TERM_VALUE;
        bool told = pointer ? is_pointee(p) : b->term->kind == TERM_INT && is_answer(p);

        if (told && !b->term->private && (!out->stores || out->stores->len < STORES_MAX)) {
            struct out_store store = {.place = p, .term = b->term};

            append(&out->stores, &store, sizeof store);
        }
    }
}

static void note_return(void *context, struct walk *walk, const struct ir_block *block,
                        struct flow_state *state)
{
    struct summary *summary = context;
    struct flow *flow = walk->flow;
    const struct term *value = state_term(state, block->value);
    const struct place *result = NULL;
    struct out *out = out_new(block->loc);

    out->range = state_range(state, value);
    if (value && value->private) {
        result = term_deref(walk->places, value);
    }
    /* Numbers are in the range; comparisons are told by it too. */
    if (value && !value->private && value->kind != TERM_INT) {
        out->result = value;
    } else if (value && value->kind == TERM_ADDRESS) {
        out->result = term_address(flow->places, summary_place(flow, value->place, NULL));
    }
    out->coarse = state->coarse;
    out_locks(flow, state, result, out);
    out_knowledge(state, out);
    if (summary->outs->len < WALK_OUTS_MAX) {
        g_ptr_array_add(summary->outs, out);
    } else {
        out_free(out);
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0xff51afd7ed558ccdu;
    return hash ^ (hash >> 29);
}

static uint64_t signature(const struct summary *summary)
{
    uint64_t sum = summary->outs->len;

    for (guint i = 0; i < summary->outs->len; i++) {
        const struct out *out = g_ptr_array_index(summary->outs, i);
        uint64_t hash = mix(mix(1, (uintptr_t)out->result), (uint64_t)out->range.lo);

        hash = mix(mix(hash, (uint64_t)out->range.hi), out->range.ne_count);
        for (guint k = 0; out->acquired && k < out->acquired->len; k++) {
            const struct flow_lock *l = &g_array_index(out->acquired, struct flow_lock, k);

            hash = mix(mix(hash, (uintptr_t)l->place), l->held.mode);
        }
        for (guint k = 0; out->released && k < out->released->len; k++) {
            hash = mix(hash + 1, (uintptr_t)g_array_index(out->released, struct gone, k).place);
        }
        sum += mix(hash, out->conditions ? out->conditions->len : 0);
    }
    return sum;
}

/* A loop over all of an array: callers are told nothing of single elements. */
static void forget_elements(GPtrArray *outs)
{
    for (guint o = 0; o < outs->len; o++) {
        struct out *out = g_ptr_array_index(outs, o);

        for (guint i = out->acquired ? out->acquired->len : 0; i > 0; i--) {
            if (g_array_index(out->acquired, struct flow_lock, i - 1).place->step ==
                IR_STEP_INDEX) {
                g_array_remove_index(out->acquired, i - 1);
            }
        }
        for (guint i = out->released ? out->released->len : 0; i > 0; i--) {
            if (g_array_index(out->released, struct gone, i - 1).place->step == IR_STEP_INDEX) {
                g_array_remove_index(out->released, i - 1);
            }
        }
    }
}

bool summary_compute(struct flow *flow, struct flow_function *ff)
{
    struct summary *made = summary_new(), *old = ff->summary;
    struct walk walk = {.flow = flow,
                        .program = flow->program,
                        .function = ff->function,
                        .ff = ff,
                        .leave = note_return,
                        .context = made,
                        .summary = made};
    uint32_t widened = flow->widened;
    bool changed;

    /* Takes only grow while a cycle of calls is gone round. */
    for (guint i = 0; old && i < old->takes->len; i++) {
        struct take *take = g_ptr_array_index(old->takes, i);

        g_ptr_array_add(made->takes, take);
        g_hash_table_add(made->take_index, take);
    }
    for (guint i = 0; old && i < old->waits->len; i++) {
        g_ptr_array_add(made->waits, g_ptr_array_index(old->waits, i));
    }
    walk_function(&walk);
    place_table_free(walk.places);
    if (ff->contract == CONTRACT_ANNOTATED && old) {
        /* What it does to locks is as the contract says. */
        g_ptr_array_unref(made->outs);
        made->outs = g_ptr_array_ref(old->outs);
        made->signature = old->signature;
    } else {
        if (ff->bulk) {
            forget_elements(made->outs);
        }
        outs_simplify(made->outs);
        made->signature = signature(made);
    }
    changed = !old || old->signature != made->signature || old->takes->len != made->takes->len ||
              old->waits->len != made->waits->len || widened != flow->widened;
    summary_free(old);
    ff->summary = made;
    return changed;
}
