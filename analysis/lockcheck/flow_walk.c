/* The walk: states flow through the blocks of a function until no new ones
 * come. Invariant: a block sees only a bounded number of distinct states.
 * Above the bound, those that hold the same locks are joined (flow_join.c), and
 * of those there may not be more than the bound either, so that every walk
 * ends in time linear in the size of the function. */
#include "flow_internal.h"

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
    state_drop_dead(state, to);
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
                event_assign(g_ptr_array_index(states, n), event);
            }
        } else if (event->kind == IR_CALL) {
            for (guint n = 0; n < states->len; n++) {
                event_call(g_ptr_array_index(states, n), event, after);
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
