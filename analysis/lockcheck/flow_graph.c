/* The graph of a function as walks need it: an order in which a block comes
 * after what leads to it, loops, and which locals still matter where. All of
 * it iterative, linear in the size of the function (liveness: in blocks times
 * locals, and left out for monsters). */
#include "flow_internal.h"

#include <string.h>

enum { LIVE_MAX_WORDS = 4 * 1024 * 1024, FEW_BRANCHES = 16 };

static struct ir_block *block_at(const struct ir_function *function, uint32_t number)
{
    return g_ptr_array_index(function->blocks, number);
}

static unsigned successors(const struct ir_block *block, uint32_t count, uint32_t next[2])
{
    unsigned n = 0;

    if ((block->exit == IR_GOTO || block->exit == IR_BRANCH) && block->next[0] < count) {
        next[n++] = block->next[0];
    }
    if (block->exit == IR_BRANCH && block->next[1] < count) {
        next[n++] = block->next[1];
    }
    return n;
}

/* Depth first, for reverse postorder; and Tarjan's components, for loops. */
struct visit {
    uint32_t block;
    unsigned next;
};

static void order_blocks(struct graph *graph, const struct ir_function *function)
{
    uint32_t count = graph->count, clock = 0, done = 0;
    uint32_t *index = g_new0(uint32_t, count), *low = g_new0(uint32_t, count);
    bool *open = g_new0(bool, count);
    uint32_t *postorder = g_new0(uint32_t, count);
    GArray *stack = g_array_new(FALSE, FALSE, sizeof(struct visit));
    GArray *component = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    struct visit start = {0, 0};

    g_array_append_val(stack, start);
    while (stack->len > 0) {
        struct visit *top = &g_array_index(stack, struct visit, stack->len - 1);
        uint32_t b = top->block, next[2];
        unsigned n = successors(block_at(function, b), count, next);

        if (top->next == 0 && index[b] == 0) {
            index[b] = low[b] = ++clock;
            open[b] = true;
            g_array_append_val(component, b);
        }
        if (top->next < n) {
            uint32_t to = next[top->next++];

            if (to == b) {
                graph->in_loop[b] = true;
            }
            if (index[to] == 0) {
                struct visit visit = {to, 0};

                g_array_append_val(stack, visit);
            } else if (open[to]) {
                low[b] = MIN(low[b], index[to]);
            }
            continue;
        }
        for (unsigned i = 0; i < n; i++) {
            if (open[next[i]]) {
                low[b] = MIN(low[b], low[next[i]]);
            }
        }
        if (low[b] == index[b]) {
            bool several = g_array_index(component, uint32_t, component->len - 1) != b;
            uint32_t member;

            do {
                member = g_array_index(component, uint32_t, component->len - 1);
                g_array_set_size(component, component->len - 1);
                open[member] = false;
                graph->in_loop[member] |= several;
            } while (member != b);
        }
        postorder[done++] = b;
        g_array_set_size(stack, stack->len - 1);
    }
    memset(graph->order, 0xff, count * sizeof *graph->order);
    graph->reachable = done;
    for (uint32_t i = 0; i < done; i++) {
        graph->by_order[i] = postorder[done - 1 - i];
        graph->order[graph->by_order[i]] = i;
    }
    g_array_unref(stack);
    g_array_unref(component);
    g_free(postorder);
    g_free(open);
    g_free(low);
    g_free(index);
}

/* Liveness of locals: the bits of one block. */
struct live {
    uint64_t *use, *def;
    uint64_t *always; /* their address is taken */
    uint32_t locals;
};

static void use_path(struct live *live, const struct ir_path *path, bool write, bool address,
                     int depth);

static void use_value(struct live *live, const struct ir_value *value, int depth)
{
    if (!value || depth > 24) {
        return;
    }
    if (value->path) {
        use_path(live, value->path, false, value->kind == IR_VALUE_ADDRESS, depth + 1);
    }
    use_value(live, value->a, depth + 1);
    use_value(live, value->b, depth + 1);
}

static void use_path(struct live *live, const struct ir_path *path, bool write, bool address,
                     int depth)
{
    bool deref = false;

    for (guint i = 0; i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        deref |= step->kind == IR_STEP_DEREF;
        use_value(live, step->index, depth + 1);
    }
    if (path->root != IR_ROOT_LOCAL || path->index >= live->locals) {
        return;
    }
    uint64_t bit = (uint64_t)1 << (path->index % 64);
    uint32_t word = path->index / 64;

    if (address && !deref) {
        live->always[word] |= bit;
    } else if (write && path->steps->len == 0) {
        live->def[word] |= bit & ~live->use[word];
    } else {
        live->use[word] |= bit & ~live->def[word];
    }
}

static void use_block(struct live *live, const struct ir_block *block)
{
    for (guint i = 0; i < block->events->len; i++) {
        const struct ir_event *event = g_ptr_array_index(block->events, i);

        use_value(live, event->value, 0);
        use_value(live, event->callee, 0);
        for (guint a = 0; event->args && a < event->args->len; a++) {
            use_value(live, g_ptr_array_index(event->args, a), 0);
        }
        if (event->path) {
            use_path(live, event->path, event->kind == IR_SET, false, 0);
        }
        if (event->kind == IR_CALL && event->result >= 0 &&
            (uint32_t)event->result < live->locals) {
            uint32_t word = (uint32_t)event->result / 64;
            uint64_t bit = (uint64_t)1 << ((uint32_t)event->result % 64);

            live->def[word] |= bit & ~live->use[word];
        }
    }
    use_value(live, block->value, 0);
}

static void find_live(struct graph *graph, const struct ir_function *function)
{
    uint32_t words = (graph->locals + 63) / 64, count = graph->count;
    bool changed = true;

    if (words == 0 || (uint64_t)words * count > LIVE_MAX_WORDS) {
        return;
    }
    uint64_t *use = g_new0(uint64_t, (gsize)words *count);
    uint64_t *def = g_new0(uint64_t, (gsize)words *count);
    uint64_t *always = g_new0(uint64_t, words);

    graph->live_words = words;
    graph->live = g_new0(uint64_t, (gsize)words *count);
    for (uint32_t b = 0; b < count; b++) {
        struct live live = {use + (gsize)b * words, def + (gsize)b * words, always, graph->locals};

        use_block(&live, block_at(function, b));
    }
    for (unsigned round = 0; changed && round < 64; round++) {
        changed = false;
        for (uint32_t i = graph->reachable; i-- > 0;) {
            uint32_t b = graph->by_order[i], next[2];
            unsigned n = successors(block_at(function, b), count, next);
            uint64_t *live = graph->live + (gsize)b * words;

            for (uint32_t w = 0; w < words; w++) {
                uint64_t after = always[w];

                for (unsigned k = 0; k < n; k++) {
                    after |= graph->live[(gsize)next[k] * words + w];
                }
                after =
                    (after & ~def[(gsize)b * words + w]) | use[(gsize)b * words + w] | always[w];
                changed |= after != live[w];
                live[w] = after;
            }
        }
    }
    if (changed) { /* an odd graph: rather keep all */
        g_clear_pointer(&graph->live, g_free);
        graph->live_words = 0;
    }
    g_free(always);
    g_free(def);
    g_free(use);
}

bool graph_live(const struct graph *graph, uint32_t block, uint32_t local)
{
    if (graph->live_words == 0 || local >= graph->locals) {
        return true;
    }
    return graph->live[(gsize)block * graph->live_words + local / 64] >> (local % 64) & 1;
}

/* The path that a condition is about, if it is about one. */
static const struct ir_path *condition_path(const struct ir_value *value)
{
    for (int depth = 0; value && depth < 8; depth++) {
        if (value->kind == IR_VALUE_LOAD) {
            return value->path;
        }
        value = value->a;
    }
    return NULL;
}

static const char *condition_name(const struct ir_path *path)
{
    for (guint i = path->steps->len; i-- > 0;) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        if (step->kind == IR_STEP_FIELD) {
            return step->name;
        }
    }
    return path->symbol;
}

/* What memory holds is worth remembering if it is asked for again. What is
 * atomic or volatile may be different the next time. */
static void choose_conditions(struct graph *graph, const struct program *program,
                              const struct ir_function *function)
{
    GHashTable *names = graph->condition_names = g_hash_table_new(NULL, NULL);
    unsigned branches = 0;

    for (uint32_t b = 0; b < graph->count; b++) {
        const struct ir_block *block = block_at(function, b);
        const struct ir_path *path = block->exit == IR_BRANCH ? condition_path(block->value) : NULL;
        gpointer name = path ? (gpointer)condition_name(path) : NULL;

        branches += block->exit == IR_BRANCH;
        if (name) {
            g_hash_table_insert(
                names, name,
                GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(names, name)) + 1));
        }
    }
    for (uint32_t b = 0; b < graph->count; b++) {
        const struct ir_block *block = block_at(function, b);
        const struct ir_path *path = block->exit == IR_BRANCH ? condition_path(block->value) : NULL;
        const struct ir_variable *variable;

        if (!path) {
            graph->condition_kept[b] = true;
            continue;
        }
        variable = program_variable(program, path, function);
        if (variable && (variable->type.atomic || variable->type.is_volatile) &&
            variable->type.pointers == 0) {
            continue;
        }
        const char *name = condition_name(path);

        graph->condition_kept[b] = branches <= FEW_BRANCHES || !name ||
                                   GPOINTER_TO_INT(g_hash_table_lookup(names, name)) > 1;
    }
}

static bool call_matters(const struct program *program, const struct ir_event *event)
{
    const struct pcall *call = event->kind == IR_CALL ? program_call(program, event) : NULL;

    if (call && call->slot && annotations_lock(call->slot->annotations)) {
        return true;
    }
    for (guint i = 0; call && i < call->targets->len; i++) {
        const struct flow_function *ff = flow_function_of(g_ptr_array_index(call->targets, i));

        if (ff && ff->relevant) {
            return true;
        }
    }
    return false;
}

static void find_releases(struct graph *graph, const struct program *program,
                          const struct ir_function *function)
{
    bool changed = true;

    for (uint32_t b = 0; b < graph->count; b++) {
        const struct ir_block *block = block_at(function, b);

        for (guint i = 0; i < block->events->len && !graph->may_release[b]; i++) {
            graph->may_release[b] = call_matters(program, g_ptr_array_index(block->events, i));
        }
    }
    for (unsigned round = 0; changed && round < 1000; round++) {
        changed = false;
        for (uint32_t i = graph->reachable; i-- > 0;) {
            uint32_t b = graph->by_order[i], next[2];
            unsigned n = successors(block_at(function, b), graph->count, next);

            for (unsigned k = 0; k < n; k++) {
                if (graph->may_release[next[k]] && !graph->may_release[b]) {
                    graph->may_release[b] = changed = true;
                }
            }
        }
    }
}

struct graph *graph_new(const struct program *program, const struct ir_function *function)
{
    struct graph *graph = g_new0(struct graph, 1);
    uint32_t events = 1;

    graph->count = function->blocks->len;
    graph->locals = function->locals->len;
    graph->order = g_new0(uint32_t, graph->count);
    graph->by_order = g_new0(uint32_t, graph->count);
    graph->first_event = g_new0(uint32_t, graph->count);
    graph->in_loop = g_new0(bool, graph->count);
    graph->condition_kept = g_new0(bool, graph->count);
    graph->may_release = g_new0(bool, graph->count);
    for (uint32_t b = 0; b < graph->count; b++) {
        graph->first_event[b] = events;
        events += block_at(function, b)->events->len;
    }
    if (graph->count > 0) {
        order_blocks(graph, function);
        find_live(graph, function);
        choose_conditions(graph, program, function);
        find_releases(graph, program, function);
    }
    return graph;
}

void graph_free(struct graph *graph)
{
    if (graph) {
        g_free(graph->order);
        g_free(graph->by_order);
        g_free(graph->first_event);
        g_free(graph->in_loop);
        g_free(graph->condition_kept);
        g_free(graph->may_release);
        g_free(graph->live);
        g_clear_pointer(&graph->condition_names, g_hash_table_unref);
        g_free(graph);
    }
}
