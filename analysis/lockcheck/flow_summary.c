/* Summaries: what a walk found out about a function, in terms that callers
 * understand. Invariant: the places and terms of a summary are in the
 * program's table; a way out differs from the others in what is locked or in
 * the object returned; numbers of ways out, takes and waits are bounded. */
#include "flow_internal.h"

enum {
    OUTS_MAX = 12,
    TAKES_MAX = 400,
    FAR = 8,
    WAITS_MAX = 64,
    CONDITIONS_MAX = 6,
    STORES_MAX = 4,
    CAREFUL = 64
};

static guint take_hash(gconstpointer key)
{
    const struct take *take = key;
    uintptr_t sum = (uintptr_t)take->place * 31 + (uintptr_t)take->class;

    sum = sum * 31 + (uintptr_t)take->without[0] + (uintptr_t)take->mode * 8 +
          (uintptr_t)take->trylock * 4 + (uintptr_t)take->retake * 2 + take->grace +
          (uintptr_t)take->dying * 16;
    return (guint)(sum ^ (sum >> 32));
}

static gboolean take_equal(gconstpointer left, gconstpointer right)
{
    const struct take *a = left, *b = right;

    return a->place == b->place && a->class == b->class && a->mode == b->mode &&
           a->trylock == b->trylock && a->under == b->under && a->retake == b->retake &&
           a->dying == b->dying && a->grace == b->grace && a->without[0] == b->without[0] &&
           a->without[1] == b->without[1];
}

struct summary *summary_new(void)
{
    struct summary *summary = g_new0(struct summary, 1);

    summary->outs = g_ptr_array_new_with_free_func(out_free);
    summary->takes = g_ptr_array_new();
    summary->waits = g_ptr_array_new();
    summary->take_index = g_hash_table_new(take_hash, take_equal);
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

/* Keeps of the premises what holds for both. */
static void join_premises(struct flow *flow, struct premise *premises, const struct premise *others)
{
    for (unsigned i = 0; i < PREMISES; i++) {
        const struct premise *same = NULL;
        struct range joined = premises[i].range;

        for (unsigned k = 0; premises[i].term && k < PREMISES; k++) {
            same = others[k].term == premises[i].term ? &others[k] : same;
        }
        if (!premises[i].term) {
            continue;
        }
        if (same) {
            range_join(&joined, &same->range);
        }
        if (!same || range_is_any(&joined)) {
            premises[i].term = NULL;
            flow->widened++;
        } else if (joined.lo != premises[i].range.lo || joined.hi != premises[i].range.hi ||
                   joined.ne_count != premises[i].range.ne_count) {
            premises[i].range = joined;
            flow->widened++;
        }
    }
}

static bool about_entry(const struct term *term)
{
    return !term->private && term->kind == TERM_VALUE;
}

/* Conditions on parameters first: callers know most of these. */
static void read_premises(const struct flow_state *state, struct premise *premises)
{
    unsigned count = 0;

    for (int memory = 0; memory < 2; memory++) {
        for (guint i = 0; state->facts && i < state->facts->len && count < PREMISES; i++) {
            const struct fact *f = &g_array_index(state->facts, struct fact, i);

            if (about_entry(f->term) && place_is_memory(f->term->place) == (memory == 1)) {
                premises[count++] = (struct premise){f->term, f->range};
            }
        }
    }
}

/* The callee's, as the caller names them, come first; the caller's own fill up. */
static void merge_premises(const struct flow_state *state, struct premise *premises)
{
    struct premise own[PREMISES] = {{0}};
    unsigned count = 0;

    for (unsigned i = 0; i < PREMISES; i++) {
        if (premises[i].term && about_entry(premises[i].term)) {
            premises[count++] = premises[i];
        }
    }
    read_premises(state, own);
    for (unsigned i = 0; i < PREMISES && count < PREMISES; i++) {
        bool known = !own[i].term;

        for (unsigned k = 0; k < count; k++) {
            known |= premises[k].term == own[i].term;
        }
        if (!known) {
            premises[count++] = own[i];
        }
    }
    for (; count < PREMISES; count++) {
        premises[count].term = NULL;
    }
}

struct take *summary_add_take(struct flow *flow, struct summary *summary, const struct take *take)
{
    struct take wanted = *take, *added;

    /* Too many, or too far from what callers have names for: only by class. */
    if ((summary->takes->len >= TAKES_MAX / 2 || (wanted.place && wanted.place->depth > FAR)) &&
        wanted.class) {
        wanted.place = NULL;
        wanted.without[0] = wanted.without[1] = NULL;
    }
    added = g_hash_table_lookup(summary->take_index, &wanted);
    if (!added && wanted.dying) {
        /* Where a function takes it anyway, that it does so in the end as well
         * tells nothing more. */
        wanted.dying = false;
        if (g_hash_table_contains(summary->take_index, &wanted)) {
            return NULL;
        }
        wanted.dying = true;
    }
    if (added) {
        join_premises(flow, added->premises, wanted.premises);
        return NULL;
    }
    if (summary->takes->len >= TAKES_MAX) {
        return NULL;
    }
    added = g_memdup2(&wanted, sizeof wanted);
    g_ptr_array_add(flow->takes, added);
    g_ptr_array_add(summary->takes, added);
    g_hash_table_add(summary->take_index, added);
    return added;
}

struct wait *summary_add_wait(struct flow *flow, struct summary *summary, const struct wait *wait)
{
    struct wait *added;

    for (guint i = 0; i < summary->waits->len; i++) {
        struct wait *other = g_ptr_array_index(summary->waits, i);

        if (other->thread == wait->thread && other->place == wait->place &&
            other->class == wait->class && other->held == wait->held &&
            other->condition == wait->condition && other->without[0] == wait->without[0]) {
            join_premises(flow, other->premises, wait->premises);
            return NULL;
        }
    }
    if (summary->waits->len >= WAITS_MAX) {
        return NULL;
    }
    added = g_memdup2(wait, sizeof *wait);
    g_ptr_array_add(flow->waits, added);
    g_ptr_array_add(summary->waits, added);
    return added;
}

/* In the program's table, or NULL. `result` is the object that the function
 * returns a pointer to, if nobody outside has another name for it. */
static const struct place *export(struct flow *flow, const struct place *place,
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
    parent = export(flow, place->parent, result);
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

static void without(const struct flow_state *state, const struct place *without[2])
{
    unsigned n = 0;

    for (guint i = 0; state->released && i < state->released->len && n < 2; i++) {
        const struct place *place = g_array_index(state->released, struct gone, i).place;

        place = export(state->walk->flow, place, NULL);
        if (place && place != without[0]) {
            without[n++] = place;
        }
    }
}

/* Whether the function has taken a lock that stands between those of its
 * callers and the next. */
static bool holds_more(const struct flow_state *state)
{
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (!l->held.entry && !l->held.asserted && lock_orders(l)) {
            return true;
        }
    }
    return false;
}

/* An order through this lock needs no other to tell of it. */
bool lock_orders(const struct flow_lock *l)
{
    return l->held.class && !l->held.class->role && !l->held.class->rcu && !l->trylock &&
           l->held.mode == RULE_EXCLUSIVE;
}

void summary_note(struct walk *walk, const struct flow_state *state, const struct effect *effect)
{
    struct flow *flow = walk->flow;

    for (guint i = 0; i < effect->takes->len; i++) {
        struct take take = *(const struct take *)g_ptr_array_index(effect->takes, i);

        take.retake |= take.place && gone_find(state->released, take.place);
        take.under |= holds_more(state);
        merge_premises(state, take.premises);
        take.place = export(flow, take.place, NULL);
        take.without[0] = export(flow, take.without[0], NULL);
        take.without[1] = export(flow, take.without[1], NULL);
        if (!take.without[0]) {
            take.without[1] = NULL;
            without(state, take.without);
        }
        if (take.place || take.class) {
            (void)summary_add_take(flow, walk->summary, &take);
        }
    }
    for (guint i = 0; i < effect->waits->len; i++) {
        struct wait wait = *(const struct wait *)g_ptr_array_index(effect->waits, i);
        const struct flow_lock *l =
            wait.place ? state_find_lock(state, wait.place, RULE_EXCLUSIVE) : NULL;

        wait.held |= l && !l->held.asserted;
        merge_premises(state, wait.premises);
        wait.place = export(flow, wait.place, NULL);
        wait.without[0] = export(flow, wait.without[0], NULL);
        wait.without[1] = export(flow, wait.without[1], NULL);
        if (!wait.without[0]) {
            wait.without[1] = NULL;
            without(state, wait.without);
        }
        (void)summary_add_wait(flow, walk->summary, &wait);
    }
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
        l.place = export(flow, l.place, result);
        if (l.place) {
            l.held.path = NULL;
            l.held.via = NULL;
            append(&out->acquired, &l, sizeof l);
        }
    }
    for (guint i = 0; state->released && i < state->released->len; i++) {
        struct gone gone = g_array_index(state->released, struct gone, i);

        gone.place = export(flow, gone.place, result);
        if (gone.place) {
            append(&out->released, &gone, sizeof gone);
        }
    }
    for (guint i = 0; state->dropped && i < state->dropped->len; i++) {
        struct gone gone = g_array_index(state->dropped, struct gone, i);

        gone.place = export(flow, gone.place, result);
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

static void out_knowledge(struct flow *flow, const struct flow_state *state, struct out *out)
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
    (void)flow;
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
        out->result = term_address(flow->places, export(flow, value->place, NULL));
    }
    out->coarse = state->coarse;
    out_locks(flow, state, result, out);
    out_knowledge(flow, state, out);
    if (summary->outs->len < 512) {
        g_ptr_array_add(summary->outs, out);
    } else {
        out_free(out);
    }
}

static bool same_delta(const struct out *a, const struct out *b)
{
    guint n = a->acquired ? a->acquired->len : 0, m = a->released ? a->released->len : 0;

    if (n != (b->acquired ? b->acquired->len : 0) || m != (b->released ? b->released->len : 0)) {
        return false;
    }
    for (guint i = 0; i < n; i++) {
        const struct flow_lock *x = &g_array_index(a->acquired, struct flow_lock, i);
        const struct flow_lock *y = &g_array_index(b->acquired, struct flow_lock, i);

        if (x->place != y->place || x->held.mode != y->held.mode) {
            return false;
        }
    }
    for (guint i = 0; i < m; i++) {
        if (g_array_index(a->released, struct gone, i).place !=
            g_array_index(b->released, struct gone, i).place) {
            return false;
        }
    }
    return true;
}

static bool pointer_result(const struct term *term)
{
    return term && (term->kind == TERM_ADDRESS || term->kind == TERM_VALUE);
}

/* Keeps what both say. */
static void join_conditions(struct out *out, const struct out *other)
{
    for (guint i = 0; out->conditions && i < out->conditions->len;) {
        struct fact *f = &g_array_index(out->conditions, struct fact, i);
        const struct fact *same = NULL;

        for (guint k = 0; other->conditions && k < other->conditions->len; k++) {
            const struct fact *g = &g_array_index(other->conditions, struct fact, k);

            same = g->term == f->term ? g : same;
        }
        if (same) {
            range_join(&f->range, &same->range);
        }
        if (!same || range_is_any(&f->range)) {
            g_array_remove_index_fast(out->conditions, i);
        } else {
            i++;
        }
    }
    if (out->conditions && out->conditions->len == 0) {
        g_clear_pointer(&out->conditions, g_array_unref);
    }
}

static void join_stores(struct out *out, const struct out *other)
{
    for (guint i = 0; out->stores && i < out->stores->len;) {
        const struct out_store *store = &g_array_index(out->stores, struct out_store, i);
        bool same = false;

        for (guint k = 0; other->stores && k < other->stores->len; k++) {
            const struct out_store *s = &g_array_index(other->stores, struct out_store, k);

            same |= s->place == store->place && s->term == store->term;
        }
        if (!same) {
            g_array_remove_index_fast(out->stores, i);
        } else {
            i++;
        }
    }
    if (out->stores && out->stores->len == 0) {
        g_clear_pointer(&out->stores, g_array_unref);
    }
}

static void join_dropped(struct out *out, const struct out *other)
{
    for (guint i = 0; out->dropped && i < out->dropped->len;) {
        if (gone_find(other->dropped, g_array_index(out->dropped, struct gone, i).place)) {
            i++;
        } else {
            g_array_remove_index(out->dropped, i);
        }
    }
    if (out->dropped && out->dropped->len == 0) {
        g_clear_pointer(&out->dropped, g_array_unref);
    }
}

static void merge(struct out *out, const struct out *other)
{
    range_join(&out->range, &other->range);
    if (out->result != other->result) {
        out->result = NULL;
    }
    join_conditions(out, other);
    join_stores(out, other);
    join_dropped(out, other);
    out->coarse |= other->coarse;
}

static int delta_of(const struct out *out, const struct place *place)
{
    for (guint i = 0; out->acquired && i < out->acquired->len; i++) {
        if (g_array_index(out->acquired, struct flow_lock, i).place == place) {
            return 1;
        }
    }
    return gone_find(out->released, place) ? -1 : 0;
}

/* Whether they leave different numbers in some place. */
static bool answer_differently(const struct out *a, const struct out *b)
{
    for (guint i = 0; a->stores && i < a->stores->len; i++) {
        const struct out_store *x = &g_array_index(a->stores, struct out_store, i);

        for (guint k = 0; b->stores && k < b->stores->len; k++) {
            const struct out_store *y = &g_array_index(b->stores, struct out_store, k);

            if (x->place == y->place && x->term->kind == TERM_INT && y->term->kind == TERM_INT &&
                x->term != y->term) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a caller can know by which of the two the function has left. */
static bool told_apart(const struct out *a, const struct out *b)
{
    if (range_disjoint(&a->range, &b->range) || answer_differently(a, b)) {
        return true;
    }
    /* Each returns another object. */
    if (a->result != b->result && (pointer_result(a->result) || pointer_result(b->result))) {
        return true;
    }
    for (guint i = 0; a->conditions && i < a->conditions->len; i++) {
        const struct fact *f = &g_array_index(a->conditions, struct fact, i);

        for (guint k = 0; b->conditions && k < b->conditions->len; k++) {
            const struct fact *g = &g_array_index(b->conditions, struct fact, k);

            if (f->term == g->term && range_disjoint(&f->range, &g->range)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the two put together would still be told apart from a third. */
static bool told_apart_together(const struct out *a, const struct out *b, const struct out *third)
{
    struct range joined = a->range;

    range_join(&joined, &b->range);
    if (range_disjoint(&joined, &third->range)) {
        return true;
    }
    for (guint i = 0; a->conditions && i < a->conditions->len; i++) {
        const struct fact *f = &g_array_index(a->conditions, struct fact, i);
        const struct fact *g = NULL, *h = NULL;

        for (guint k = 0; b->conditions && k < b->conditions->len; k++) {
            const struct fact *at = &g_array_index(b->conditions, struct fact, k);

            g = at->term == f->term ? at : g;
        }
        for (guint k = 0; third->conditions && k < third->conditions->len; k++) {
            const struct fact *at = &g_array_index(third->conditions, struct fact, k);

            h = at->term == f->term ? at : h;
        }
        joined = f->range;
        if (g && h) {
            range_join(&joined, &g->range);
            if (range_disjoint(&joined, &h->range)) {
                return true;
            }
        }
    }
    return false;
}

static bool loses(const GPtrArray *outs, const struct out *a, const struct out *b)
{
    for (guint i = 0; i < outs->len; i++) {
        const struct out *third = g_ptr_array_index(outs, i);

        if (third != a && third != b && !same_delta(a, third) && told_apart(a, third) &&
            told_apart(b, third) && !told_apart_together(a, b, third)) {
            return true;
        }
    }
    return false;
}

static void group_outs(GPtrArray *outs, bool by_result)
{
    for (guint i = 0; i < outs->len; i++) {
        struct out *out = g_ptr_array_index(outs, i);

        for (guint k = i + 1; k < outs->len;) {
            const struct out *other = g_ptr_array_index(outs, k);
            bool differ = by_result && out->result != other->result &&
                          (pointer_result(out->result) || pointer_result(other->result));

            if (differ || !same_delta(out, other) ||
                (by_result && outs->len <= CAREFUL && loses(outs, out, other))) {
                k++;
                continue;
            }
            merge(out, other);
            g_ptr_array_remove_index(outs, k);
        }
    }
}

/* One object or another of a class, as it was found. */
static bool takes_alike(const struct out *a, const struct out *b, const struct place *place)
{
    const struct lock_class *class = NULL;

    for (guint i = 0; a->acquired && i < a->acquired->len; i++) {
        const struct flow_lock *l = &g_array_index(a->acquired, struct flow_lock, i);

        class = l->place == place ? l->held.class : class;
    }
    for (guint i = 0; class && b->acquired && i < b->acquired->len; i++) {
        if (g_array_index(b->acquired, struct flow_lock, i).held.class == class) {
            return true;
        }
    }
    return false;
}

static bool ambiguous(const GPtrArray *outs, const struct out *out, const struct place *place)
{
    for (guint i = 0; i < outs->len; i++) {
        const struct out *other = g_ptr_array_index(outs, i);

        if (takes_alike(out, other, place)) {
            continue;
        }
        if (delta_of(other, place) != delta_of(out, place) && !told_apart(out, other)) {
            return true;
        }
    }
    return false;
}

static void forget_lock(struct out *out, const struct place *place)
{
    for (guint i = 0; out->acquired && i < out->acquired->len;) {
        if (g_array_index(out->acquired, struct flow_lock, i).place == place) {
            g_array_remove_index(out->acquired, i);
        } else {
            i++;
        }
    }
    for (guint i = 0; out->released && i < out->released->len;) {
        if (g_array_index(out->released, struct gone, i).place == place) {
            g_array_remove_index(out->released, i);
        } else {
            i++;
        }
    }
}

/* A lock that some ways leave with and others without, for no reason that a
 * caller could see, is either a fault of this function, reported here, or held
 * for reasons that are not followed. Callers go on as if it were as before,
 * and what they do wrong on such a path is not held against them. */
static bool drop_ambiguous(GPtrArray *outs)
{
    GPtrArray *places = g_ptr_array_new();
    bool dropped;

    for (guint i = 0; i < outs->len; i++) {
        const struct out *out = g_ptr_array_index(outs, i);

        for (guint k = 0; out->acquired && k < out->acquired->len; k++) {
            const struct place *place = g_array_index(out->acquired, struct flow_lock, k).place;

            if (ambiguous(outs, out, place)) {
                g_ptr_array_add(places, (gpointer)place);
            }
        }
        for (guint k = 0; out->released && k < out->released->len; k++) {
            const struct place *place = g_array_index(out->released, struct gone, k).place;

            if (ambiguous(outs, out, place)) {
                g_ptr_array_add(places, (gpointer)place);
            }
        }
    }
    dropped = places->len > 0;
    for (guint p = 0; p < places->len; p++) {
        for (guint i = 0; i < outs->len; i++) {
            forget_lock(g_ptr_array_index(outs, i), g_ptr_array_index(places, p));
        }
    }
    for (guint i = 0; dropped && i < outs->len; i++) {
        struct out *out = g_ptr_array_index(outs, i);

        if (out->acquired && out->acquired->len == 0) {
            g_clear_pointer(&out->acquired, g_array_unref);
        }
        if (out->released && out->released->len == 0) {
            g_clear_pointer(&out->released, g_array_unref);
        }
        g_clear_pointer(&out->dropped, g_array_unref);
    }
    g_ptr_array_unref(places);
    return dropped;
}

/* Where all ways out do the same, what led to them does not matter. */
static void simplify(struct summary *summary)
{
    GPtrArray *outs = summary->outs;
    bool same = true;

    group_outs(outs, true);
    bool dropped = drop_ambiguous(outs);

    if (dropped) {
        group_outs(outs, true);
    }
    if (outs->len > OUTS_MAX / 2) {
        group_outs(outs, false);
    }
    if (outs->len > OUTS_MAX) {
        g_ptr_array_set_size(outs, OUTS_MAX);
    }
    for (guint i = 1; i < outs->len; i++) {
        same &= same_delta(g_ptr_array_index(outs, 0), g_ptr_array_index(outs, i));
    }
    for (guint i = 0; same && i < outs->len; i++) {
        struct out *out = g_ptr_array_index(outs, i);

        g_clear_pointer(&out->conditions, g_array_unref);
        g_clear_pointer(&out->dropped, g_array_unref);
        out->coarse = dropped;
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
        simplify(made);
        made->signature = signature(made);
    }
    changed = !old || old->signature != made->signature || old->takes->len != made->takes->len ||
              old->waits->len != made->waits->len || widened != flow->widened;
    summary_free(old);
    ff->summary = made;
    return changed;
}
