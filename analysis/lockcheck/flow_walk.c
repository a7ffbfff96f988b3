/* The walk: states flow through the blocks of a function until no new ones
 * come. Invariant: a block sees only a bounded number of distinct states.
 * Above the bound, those that hold the same locks are joined (flow_join.c), and
 * of those there may not be more than the bound either, so that every walk
 * ends in time linear in the size of the function. */
#include "flow_internal.h"

enum { EVENT_IDS = 8 };
#define ORIGIN "(origin)"

struct runner {
    struct walk *walk;
    GPtrArray **pending; /* block -> states that wait, or NULL */
    GArray **seen;       /* block -> hashes of the states that came */
    GPtrArray **joined;  /* block -> joined states, of different locks; NULL: not too many came */
    GArray *heap;        /* of uint32_t: places in the order of blocks that have pending states */
    uint32_t bound;
};

static void heap_push(GArray *heap, uint32_t value)
{
    guint i = heap->len;

    g_array_append_val(heap, value);
    uint32_t *a = (uint32_t *)(void *)heap->data;

    while (i > 0 && a[(i - 1) / 2] > value) {
        a[i] = a[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    a[i] = value;
}

static uint32_t heap_pop(GArray *heap)
{
    uint32_t *a = (uint32_t *)(void *)heap->data;
    uint32_t top = a[0], last = a[heap->len - 1];
    guint i = 0, n = heap->len - 1;

    g_array_set_size(heap, n);
    while (2 * i + 1 < n) {
        guint child = 2 * i + 1;

        if (child + 1 < n && a[child + 1] < a[child]) {
            child++;
        }
        if (a[child] >= last) {
            break;
        }
        a[i] = a[child];
        i = child;
    }
    if (n > 0) {
        a[i] = last;
    }
    return top;
}

static bool seen_before(GArray **seen, uint64_t hash)
{
    if (!*seen) {
        *seen = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    }
    for (guint i = 0; i < (*seen)->len; i++) {
        if (g_array_index(*seen, uint64_t, i) == hash) {
            return true;
        }
    }
    g_array_append_val(*seen, hash);
    return false;
}

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

/* Forgets what cannot matter from the block on. */
static void drop_dead(struct flow_state *state, uint32_t block)
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

static struct flow_state *with_locks(const GPtrArray *states, const struct flow_state *state)
{
    uint64_t hash = state_lock_hash(state);

    for (guint i = 0; i < states->len; i++) {
        struct flow_state *other = g_ptr_array_index(states, i);

        if (state_lock_hash(other) == hash) {
            return other;
        }
    }
    return NULL;
}

/* One more than the block is to see on its own: the state as it goes on, or
 * NULL if that tells nothing new. Takes the state over. */
static struct flow_state *join_at(struct runner *runner, struct flow_state *state, uint32_t to)
{
    GPtrArray **joined = &runner->joined[to];
    struct flow_state *known;

    if (!*joined) {
        *joined = g_ptr_array_new_with_free_func((GDestroyNotify)state_free);
    }
    state_leave_join(state, to);
    known = with_locks(*joined, state);
    if (!known && (*joined)->len < runner->bound) {
        g_ptr_array_add(*joined, state_copy(state));
        return state;
    }
    runner->walk->bounded |= !known;
    if (known && state_join(known, state, to)) {
        state_free(state);
        return state_copy(known);
    }
    state_free(state);
    return NULL;
}

/* Takes the state over. */
static void send(struct runner *runner, struct flow_state *state, uint32_t from, uint32_t to)
{
    const struct graph *graph = runner->walk->graph;
    uint32_t have;

    if (to >= graph->count) {
        state_free(state);
        return;
    }
    drop_dead(state, to);
    if (from != UINT32_MAX && graph->order[to] <= graph->order[from]) {
        state_forget_memory(state, false, NULL);
    }
    have = runner->seen[to] ? runner->seen[to]->len : 0;
    if (have >= runner->bound) {
        state = join_at(runner, state, to);
    }
    if (!state) {
        return;
    }
    if (seen_before(&runner->seen[to], state_hash(state))) {
        state_free(state);
        return;
    }
    if (!runner->pending[to]) {
        runner->pending[to] = g_ptr_array_new();
    }
    if (runner->pending[to]->len == 0) {
        heap_push(runner->heap, graph->order[to]);
    }
    g_ptr_array_add(runner->pending[to], state);
}

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

static void set(struct flow_state *state, const struct ir_event *event)
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

/* The states after a call; takes `state` over. */
static void call(struct flow_state *state, const struct ir_event *event, GPtrArray *after)
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

/* Equal ones once, and of too many one for the locks that are held. */
static void thin_out(struct runner *runner, GPtrArray *states)
{
    const struct walk *walk = runner->walk;
    uint32_t point = walk->graph->count + walk->number;
    GArray *hashes = NULL;
    GPtrArray *kept = g_ptr_array_new();
    bool many = states->len > runner->bound;

    for (guint i = 0; i < states->len; i++) {
        struct flow_state *state = g_ptr_array_index(states, i), *known;

        if (many) {
            state_leave_join(state, point);
        }
        known = many ? with_locks(kept, state) : NULL;
        if (known) {
            (void)state_join(known, state, point);
        }
        if (known || kept->len > 2 * runner->bound || seen_before(&hashes, state_hash(state))) {
            state_free(state);
        } else {
            g_ptr_array_add(kept, state);
        }
    }
    g_ptr_array_set_size(states, 0);
    g_ptr_array_extend(states, kept, NULL, NULL);
    g_ptr_array_unref(kept);
    g_clear_pointer(&hashes, g_array_unref);
}

static void leave(struct runner *runner, uint32_t number, const struct ir_block *block,
                  struct flow_state *state)
{
    struct walk *walk = runner->walk;
    const struct term *condition;

    switch (block->exit) {
    case IR_GOTO:
        send(runner, state, number, block->next[0]);
        return;
    case IR_RETURN:
        if (walk->visit) {
            walk->visit(walk->context, walk->function, block, NULL, state);
        }
        if (walk->leave) {
            walk->leave(walk->context, walk, block, state);
        }
        break;
    case IR_BRANCH:
        condition = walk->graph->condition_kept[number] ? state_term(state, block->value) : NULL;
        for (int way = 0; way < 2; way++) {
            struct flow_state *next;

            if (!condition) {
                send(runner, state_copy(state), number, block->next[way]);
                continue;
            }
            next = state_copy(state);
            if (state_assume(next, condition, way == 0)) {
                send(runner, next, number, block->next[way]);
            } else {
                state_free(next);
            }
        }
        break;
    case IR_UNREACHABLE:
        break;
    }
    state_free(state);
}

static void run_block(struct runner *runner, uint32_t number, struct flow_state *start)
{
    struct walk *walk = runner->walk;
    const struct ir_block *block = g_ptr_array_index(walk->function->ir->blocks, number);
    GPtrArray *states = g_ptr_array_new(), *after = g_ptr_array_new();

    g_ptr_array_add(states, start);
    for (guint i = 0; i < block->events->len && states->len > 0; i++) {
        const struct ir_event *event = g_ptr_array_index(block->events, i);

        walk->number = walk->graph->first_event[number] + i;
        for (guint n = 0; walk->visit && n < states->len; n++) {
            walk->visit(walk->context, walk->function, block, event, g_ptr_array_index(states, n));
        }
        if (event->kind == IR_SET || event->kind == IR_WRITE) {
            for (guint n = 0; n < states->len; n++) {
                set(g_ptr_array_index(states, n), event);
            }
        } else if (event->kind == IR_CALL) {
            for (guint n = 0; n < states->len; n++) {
                call(g_ptr_array_index(states, n), event, after);
            }
            GPtrArray *swap = states;

            states = after;
            after = swap;
            g_ptr_array_set_size(after, 0);
            if (states->len > 1) {
                thin_out(runner, states);
            }
        }
    }
    for (guint n = 0; n < states->len; n++) {
        leave(runner, number, block, g_ptr_array_index(states, n));
    }
    g_ptr_array_unref(states);
    g_ptr_array_unref(after);
}

static uint32_t bound_for(const struct walk *walk)
{
    uint32_t blocks = walk->graph->count;

    if (!walk->ff->relevant) {
        return walk->ff->opaque_pointer && blocks < 64 ? 4 : 1;
    }
    if (!flow_changes(walk->ff)) {
        return 1;
    }
    return blocks <= 500 ? 24 : blocks <= 2000 ? 12 : blocks <= 20000 ? 4 : 1;
}

void walk_function(struct walk *walk)
{
    const struct ir_function *ir = walk->function->ir;
    struct graph *own = NULL;

    if (!ir->blocks || ir->blocks->len == 0) {
        return;
    }
    if (walk->ff->relevant && !walk->ff->graph) {
        walk->ff->graph = graph_new(walk->program, ir);
    }
    walk->graph = walk->ff->graph;
    if (!walk->graph) {
        walk->graph = own = graph_new(walk->program, ir);
    }
    walk->places = place_table_new(walk->flow->places);

    struct runner runner = {.walk = walk, .bound = bound_for(walk)};
    struct flow_state *start = state_new(walk);

    runner.pending = g_new0(GPtrArray *, walk->graph->count);
    runner.seen = g_new0(GArray *, walk->graph->count);
    runner.joined = g_new0(GPtrArray *, walk->graph->count);
    runner.heap = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    contract_enter(walk->flow, walk->function, start);
    send(&runner, start, UINT32_MAX, 0);
    while (runner.heap->len > 0) {
        uint32_t number = walk->graph->by_order[heap_pop(runner.heap)];
        GPtrArray *states = runner.pending[number];

        runner.pending[number] = NULL;
        for (guint i = 0; i < states->len; i++) {
            run_block(&runner, number, g_ptr_array_index(states, i));
        }
        g_ptr_array_unref(states);
    }
    for (uint32_t b = 0; b < walk->graph->count; b++) {
        g_clear_pointer(&runner.seen[b], g_array_unref);
        g_clear_pointer(&runner.joined[b], g_ptr_array_unref);
        g_clear_pointer(&runner.pending[b], g_ptr_array_unref);
    }
    g_free(runner.pending);
    g_free(runner.seen);
    g_free(runner.joined);
    g_clear_pointer(&walk->join_numbers, g_hash_table_unref);
    g_clear_pointer(&walk->noted, g_hash_table_unref);
    g_array_unref(runner.heap);
    /* The caller may still want the places: it frees them. */
    graph_free(own);
    walk->graph = NULL;
}
