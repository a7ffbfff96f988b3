/* The ways out of a function, as a walk finds them: collected, and those put
 * together that leave by one return with the same locks. */
#include "flow_exits.h"

enum { WAYS_MAX = 128 };

struct exits *exits_new(struct flow_function *ff)
{
    struct exits *exits = g_new0(struct exits, 1);

    exits->ff = ff;
    exits->ways = g_ptr_array_new();
    return exits;
}

static void way_free(struct way *way)
{
    g_array_unref(way->locks);
    g_array_unref(way->touched);
    g_array_unref(way->conditions);
    g_array_unref(way->answers);
    g_free(way);
}

static void exits_free(void *data)
{
    struct exits *exits = data;

    for (guint i = 0; i < exits->ways->len; i++) {
        way_free(g_ptr_array_index(exits->ways, i));
    }
    g_ptr_array_unref(exits->ways);
    g_free(exits);
}

static bool counts(const struct lock_class *class)
{
    return !class || !class->role;
}

static gint by_place(gconstpointer left, gconstpointer right)
{
    const struct exit_lock *a = left, *b = right;

    return (a->place->id > b->place->id) - (a->place->id < b->place->id);
}

static bool is_element(const struct place *place)
{
    const struct place *at = place;

    while (at->parent && at->step != IR_STEP_INDEX) {
        at = at->parent;
    }
    return place->opaque || at->parent;
}

static void add_locks(struct way *way, const struct flow_state *state)
{
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);
        struct exit_lock lock = {.place = l->place, .class = l->held.class, .delta = 1};

        if (l->held.entry || l->held.asserted || l->retaken || l->bulk || !counts(lock.class)) {
            continue;
        }
        lock.taken = l->held.loc;
        lock.from = l->from;
        lock.exported = !l->place->private;
        lock.place_is_global = l->place->root == PLACE_GLOBAL && l->place->depth == 0;
        lock.element = is_element(l->place);
        g_array_append_val(way->locks, lock);
    }
    for (guint i = 0; state->released && i < state->released->len; i++) {
        const struct gone *gone = &g_array_index(state->released, struct gone, i);
        struct exit_lock lock = {.place = gone->place, .class = gone->class, .delta = -1};

        if (counts(lock.class)) {
            lock.loc = gone->loc;
            lock.from = gone->from;
            lock.exported = true;
            lock.place_is_global = gone->place->root == PLACE_GLOBAL && gone->place->depth == 0;
            lock.element = is_element(gone->place);
            g_array_append_val(way->locks, lock);
        }
    }
}

static void add_knowledge(struct way *way, const struct flow_state *state)
{
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);

        if (!f->term->private) {
            g_array_append_vals(way->conditions, f, 1);
        }
    }
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        struct out_store answer = {b->place, b->term};

        if (b->term->kind == TERM_INT && !b->place->private && place_is_memory(b->place)) {
            g_array_append_val(way->answers, answer);
        }
    }
}

static struct way *way_of(const struct flow_state *state, const struct ir_block *block)
{
    struct way *way = g_new0(struct way, 1);

    way->locks = g_array_new(FALSE, TRUE, sizeof(struct exit_lock));
    way->touched = g_array_new(FALSE, FALSE, sizeof(struct place *));
    way->conditions = g_array_new(FALSE, FALSE, sizeof(struct fact));
    way->answers = g_array_new(FALSE, FALSE, sizeof(struct out_store));
    way->loc = block->loc;
    way->range = state_range(state, state_term(state, block->value));
    way->coarse = state->coarse;
    add_locks(way, state);
    g_array_sort(way->locks, by_place);
    for (guint i = 0; state->dropped && i < state->dropped->len; i++) {
        g_array_append_val(way->touched, g_array_index(state->dropped, struct gone, i).place);
    }
    add_knowledge(way, state);
    return way;
}

static bool same_way(const struct way *a, const struct way *b)
{
    if (a->locks->len != b->locks->len || a->loc.line != b->loc.line ||
        a->loc.column != b->loc.column || a->coarse != b->coarse) {
        return false;
    }
    for (guint i = 0; i < a->locks->len; i++) {
        const struct exit_lock *x = &g_array_index(a->locks, struct exit_lock, i);
        const struct exit_lock *y = &g_array_index(b->locks, struct exit_lock, i);

        if (x->place != y->place || x->delta != y->delta) {
            return false;
        }
    }
    return true;
}

bool way_touched(const struct way *way, const struct place *place)
{
    for (guint i = 0; i < way->touched->len; i++) {
        if (g_array_index(way->touched, const struct place *, i) == place) {
            return true;
        }
    }
    return false;
}

const struct term *way_answer(const struct way *way, const struct place *place)
{
    for (guint i = 0; i < way->answers->len; i++) {
        const struct out_store *answer = &g_array_index(way->answers, struct out_store, i);

        if (answer->place == place) {
            return answer->term;
        }
    }
    return NULL;
}

static void merge_ways(struct way *way, const struct way *other)
{
    range_join(&way->range, &other->range);
    for (guint i = 0; i < way->conditions->len;) {
        struct fact *f = &g_array_index(way->conditions, struct fact, i);
        const struct fact *same = NULL;

        for (guint k = 0; k < other->conditions->len; k++) {
            const struct fact *g = &g_array_index(other->conditions, struct fact, k);

            same = g->term == f->term ? g : same;
        }
        if (same) {
            range_join(&f->range, &same->range);
            i++;
        } else {
            g_array_remove_index_fast(way->conditions, i);
        }
    }
    for (guint i = 0; i < way->answers->len;) {
        const struct out_store *answer = &g_array_index(way->answers, struct out_store, i);

        if (way_answer(other, answer->place) == answer->term) {
            i++;
        } else {
            g_array_remove_index_fast(way->answers, i);
        }
    }
    for (guint i = 0; i < other->touched->len; i++) {
        const struct place *place = g_array_index(other->touched, const struct place *, i);

        if (!way_touched(way, place)) {
            g_array_append_val(way->touched, place);
        }
    }
}

bool way_contradicts(const struct way *a, const struct way *b)
{
    for (guint i = 0; i < a->conditions->len; i++) {
        const struct fact *x = &g_array_index(a->conditions, struct fact, i);

        for (guint k = 0; k < b->conditions->len; k++) {
            const struct fact *y = &g_array_index(b->conditions, struct fact, k);

            if (x->term == y->term && range_disjoint(&x->range, &y->range)) {
                return true;
            }
        }
    }
    return false;
}

void exits_add(struct exits *exits, const struct flow_state *state, const struct ir_block *block)
{
    struct way *way = way_of(state, block);

    for (guint i = 0; i < exits->ways->len; i++) {
        struct way *other = g_ptr_array_index(exits->ways, i);

        if (same_way(way, other)) {
            merge_ways(other, way);
            way_free(way);
            return;
        }
    }
    if (exits->ways->len < WAYS_MAX) {
        g_ptr_array_add(exits->ways, way);
    } else {
        way_free(way);
    }
}

const struct exit_lock *way_lock(const struct way *way, const struct place *place)
{
    for (guint i = 0; i < way->locks->len; i++) {
        const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

        if (lock->place == place) {
            return lock;
        }
    }
    return NULL;
}

void exits_finish(struct flow *flow, struct exits *exits, struct findings *findings)
{
    bool matters = false;

    for (guint w = 0; w < exits->ways->len; w++) {
        struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len; i++) {
            struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);
            char *text = place_text(lock->place, exits->ff->function->ir);

            lock->text = g_intern_string(text);
            g_free(text);
            matters = true;
        }
    }
    if (exits->ff->contract == CONTRACT_ANNOTATED) {
        promises_check(flow, exits, findings);
        matters = false;
    } else if (matters && promises_check_required(flow, exits, findings)) {
        matters = false;
    }
    if (!matters) {
        exits_free(exits);
        return;
    }
    if (!flow->exits) {
        flow->exits = g_ptr_array_new_with_free_func(exits_free);
    }
    g_ptr_array_add(flow->exits, exits);
}
