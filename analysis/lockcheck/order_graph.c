/* The order graph: every lock that is taken while another is held, found by
 * walking each function with all summaries at hand. Invariant: an edge's steps
 * lead from the place where the first lock was taken to the one where the
 * second is; its gates are held on every occasion that was seen, whatever
 * function it was in. */
#include <string.h>

#include "order_internal.h"

static guint edge_hash(gconstpointer key)
{
    const struct order_edge *e = key;

    return (e->from->number * 31 + e->to->number) * 31 + (guint)e->from_mode * 8 +
           (guint)e->to_mode * 2 + e->trylock + e->dying * 64u + g_direct_hash(e->relation);
}

static gboolean edge_equal(gconstpointer left, gconstpointer right)
{
    const struct order_edge *a = left, *b = right;

    return a->from == b->from && a->to == b->to && a->from_mode == b->from_mode &&
           a->to_mode == b->to_mode && a->trylock == b->trylock && a->dying == b->dying &&
           a->relation == b->relation;
}

static void step_free(void *data)
{
    struct order_step *step = data;

    g_free(step->text);
    g_free(step);
}

static void edge_free(void *data)
{
    struct built_edge *edge = data;

    g_ptr_array_unref(edge->edge.steps);
    g_ptr_array_unref(edge->edge.gates);
    for (guint i = 0; edge->occurrences && i < edge->occurrences->len; i++) {
        g_ptr_array_unref(g_array_index(edge->occurrences, struct order_occurrence, i).gates);
    }
    g_clear_pointer(&edge->occurrences, g_array_unref);
    g_free(edge);
}

static void G_GNUC_PRINTF(3, 4)
    add_step(struct order_edge *edge, struct ir_loc loc, const char *format, ...)
{
    struct order_step *step;
    va_list args;

    if (!loc.file) {
        return;
    }
    step = g_new0(struct order_step, 1);
    step->loc = loc;
    va_start(args, format);
    step->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(edge->steps, step);
}

static const char *mode_text(enum rule_mode mode)
{
    return mode == RULE_SHARED ? " for reading" : "";
}

static void describe(struct built_edge *edge, const struct flow_state *state,
                     const struct flow_lock *held, const struct take *take)
{
    const struct ir_function *function = state->walk->function->ir;
    struct order_edge *e = &edge->edge;
    const struct take *at = take;

    g_ptr_array_set_size(e->steps, 0);
    e->function = function->symbol;
    e->loc = take->loc;
    edge->entry = held->held.entry;
    edge->length = take->length;
    if (held->held.entry || held->held.asserted) {
        add_step(e, held->held.loc, "%s is called with %s held", function->name, e->from->name);
    } else if (held->from) {
        add_step(e, held->held.loc, "%s takes %s%s by calling %s", function->name, e->from->name,
                 mode_text(e->from_mode), held->from->ir->name);
    } else {
        add_step(e, held->held.loc, "%s takes %s%s", function->name, e->from->name,
                 mode_text(e->from_mode));
    }
    for (; at->inner; at = at->inner) {
        add_step(e, at->loc, "%s calls %s", at->function->ir->name, at->callee);
    }
    if (take->grace) {
        add_step(e, at->loc, "%s waits for the readers", at->function->ir->name);
    } else if (at->callee) {
        add_step(e, at->loc, "%s takes %s%s by calling %s", at->function->ir->name, e->to->name,
                 mode_text(e->to_mode), at->callee);
    } else {
        add_step(e, at->loc, "%s takes %s%s%s", at->function->ir->name, e->to->name,
                 mode_text(e->to_mode), e->trylock ? " if it is free" : "");
    }
}

/* Two globals of one class have an order of their own. */
static void name_instances(struct order_edge *edge, const struct place *first,
                           const struct place *second)
{
    char *one, *other, *relation;

    if (!order_is_fixed(first) || !order_is_fixed(second) || edge->from->keyed) {
        return;
    }
    one = place_text(first, NULL);
    other = place_text(second, NULL);
    relation = g_strdup_printf("%s before %s", one, other);
    edge->first = g_intern_string(one);
    edge->second = g_intern_string(other);
    edge->relation = g_intern_string(relation);
    g_free(relation);
    g_free(other);
    g_free(one);
}

struct built_edge *order_edge(struct order_builder *builder, const struct order_edge *wanted)
{
    struct built_edge *edge = g_hash_table_lookup(builder->edges, wanted);

    if (!edge) {
        edge = g_new0(struct built_edge, 1);
        edge->edge = *wanted;
        edge->edge.steps = g_ptr_array_new_with_free_func(step_free);
        edge->edge.gates = g_ptr_array_new();
        edge->occurrences = g_array_new(FALSE, FALSE, sizeof(struct order_occurrence));
        g_hash_table_add(builder->edges, edge);
        g_ptr_array_add(builder->list, edge);
    }
    return edge;
}

/* `each`: one after the other of those that an array of pointers points to. */
static void add_edge(struct order_builder *builder, const struct flow_state *state,
                     const struct flow_lock *held, const struct take *take, bool direct, bool each)
{
    struct order_edge wanted = {.from = held->held.class, .to = take->class, .relation = ""};
    struct built_edge *edge;

    wanted.from_mode = held->held.mode;
    wanted.to_mode = take->mode;
    wanted.trylock = take->trylock;
    wanted.dying = take->dying;
    if (each) {
        wanted.set = wanted.from;
        wanted.relation = g_intern_static_string("each");
    } else if (wanted.from == wanted.to) {
        wanted.relation = order_relation(state, held->place, take->place);
        name_instances(&wanted, held->place, take->place);
    }
    edge = order_edge(builder, &wanted);
    /* Of several ways the one that says most. */
    if (edge->edge.steps->len == 0 || (direct && !edge->edge.direct) ||
        (direct == edge->edge.direct &&
         ((edge->entry && !held->held.entry) ||
          (edge->entry == held->held.entry && edge->length > take->length)))) {
        describe(edge, state, held, take);
    }
    edge->edge.direct |= direct;
    order_gates_note(edge, state, held, take);
}

static bool ordered(const struct lock_class *class)
{
    return class && !class->role;
}

/* Both are one lock, or two that a recursion check has looked at. */
static bool same_lock(const struct flow_lock *held, const struct take *take)
{
    if (held->place == take->place) {
        return true;
    }
    if (held->held.class != take->class) {
        return false;
    }
    return take->retake || held->held.class->rcu || held->held.class->keyed ||
           (held->bulk && take->place && take->place->opaque) || !take->place ||
           (held->place->root == PLACE_GLOBAL && held->place->depth == 0);
}

/* Whether no lock was taken after this one that orders by itself. */
static bool is_last(const struct flow_state *state, guint number)
{
    for (guint i = number + 1; i < state->locks->len; i++) {
        if (lock_orders(&g_array_index(state->locks, struct flow_lock, i))) {
            return false;
        }
    }
    return true;
}

static bool in_one_loop(const struct flow_lock *held, const struct take *take)
{
    return held->held.loc.line == take->loc.line && held->held.loc.file == take->loc.file;
}

/* All of an array, one after the other in a loop. */
static bool of_one_array(const struct flow_lock *held, const struct take *take)
{
    return held->held.class == take->class && take->place && in_one_loop(held, take) &&
           take->place->step == IR_STEP_INDEX && held->place->step == IR_STEP_INDEX;
}

static void add_takes(struct order_builder *builder, const struct flow_state *state,
                      const struct effect *effect)
{
    for (guint i = 0; i < effect->takes->len; i++) {
        const struct take *take = g_ptr_array_index(effect->takes, i);

        for (guint k = 0; ordered(take->class) && k < state->locks->len; k++) {
            const struct flow_lock *held = &g_array_index(state->locks, struct flow_lock, k);

            if (!ordered(held->held.class) || take->without[0] == held->place ||
                take->without[1] == held->place) {
                continue;
            }
            if (held->held.class == take->class && take->place && held->place != take->place &&
                in_one_loop(held, take) && order_has_members(builder->flow, take->class)) {
                add_edge(builder, state, held, take, !take->under, true);
            } else if (!same_lock(held, take) && !of_one_array(held, take)) {
                add_edge(builder, state, held, take, !take->under && is_last(state, k), false);
            }
        }
    }
}

/* Which global locks are held at a call. */
static void add_site(struct order_builder *builder, const struct flow_state *state,
                     const struct ir_event *event)
{
    const struct pcall *call = program_call(builder->flow->program, event);

    for (guint t = 0; call && t < MIN(call->targets->len, 64u); t++) {
        const struct pfunction *target = g_ptr_array_index(call->targets, t);
        struct order_site site = {state->walk->function->number, target->number, NULL};

        if (!flow_function_of(target) || !flow_function_of(target)->relevant ||
            !target->ir->blocks) {
            continue;
        }
        site.held = g_ptr_array_new();
        for (guint k = 0; state->locks && k < state->locks->len; k++) {
            const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, k);

            if (ordered(l->held.class) && !l->held.class->rcu && l->held.mode == RULE_EXCLUSIVE &&
                l->place->root == PLACE_GLOBAL && l->place->depth == 0) {
                g_ptr_array_add(site.held, (gpointer)l->held.class);
            }
        }
        g_array_append_val(builder->sites, site);
    }
}

static void visit(void *context, struct pfunction *function, const struct ir_block *block,
                  const struct ir_event *event, const struct flow_state *state)
{
    struct order_builder *builder = context;
    struct effect *effect;

    (void)function;
    (void)block;
    if (!event || event->kind != IR_CALL) {
        return;
    }
    add_site(builder, state, event);
    if (flow_held_count(state) == 0) {
        return;
    }
    effect = effect_of_call(state->walk, state, event, true);
    if (effect) {
        add_takes(builder, state, effect);
        effect_free(effect);
    }
}

static gint by_loc(gconstpointer left, gconstpointer right)
{
    const struct order_edge *a = *(const struct order_edge *const *)left;
    const struct order_edge *b = *(const struct order_edge *const *)right;
    int order = g_strcmp0(a->loc.file, b->loc.file);

    if (order == 0) {
        order = (a->loc.line > b->loc.line) - (a->loc.line < b->loc.line);
    }
    if (order == 0) {
        order = strcmp(a->from->name, b->from->name);
    }
    return order ? order : strcmp(a->to->name, b->to->name);
}

/* A function that holds nothing itself. */
static void add_bare_sites(struct order_builder *builder, const struct pfunction *function)
{
    for (guint c = 0; c < function->calls->len; c++) {
        const struct pcall *call = g_ptr_array_index(function->calls, c);

        for (guint t = 0; t < MIN(call->targets->len, 64u); t++) {
            const struct pfunction *target = g_ptr_array_index(call->targets, t);
            const struct flow_function *ff = flow_function_of(target);

            if (ff && ff->relevant && target->ir->blocks) {
                struct order_site site = {function->number, target->number, g_ptr_array_new()};

                g_array_append_val(builder->sites, site);
            }
        }
    }
}

struct order_graph *order_graph_new(struct program *program)
{
    struct order_graph *graph = g_new0(struct order_graph, 1);
    struct order_builder builder = {.flow = flow_of(program)};

    builder.edges = g_hash_table_new(edge_hash, edge_equal);
    builder.list = g_ptr_array_new_with_free_func(edge_free);
    builder.sites = g_array_new(FALSE, FALSE, sizeof(struct order_site));
    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = g_ptr_array_index(program->functions, i);
        const struct flow_function *ff = flow_function_of(function);

        if (!ff || !ff->relevant || ff->believed || !function->ir->blocks) {
            continue;
        }
        if (flow_changes(ff)) {
            flow_visit(program, function, visit, &builder);
        } else {
            add_bare_sites(&builder, function);
        }
    }
    order_gates_find(&builder);
    order_threads_find(&builder);
    order_members_find(&builder);
    for (guint i = 0; i < builder.sites->len; i++) {
        g_ptr_array_unref(g_array_index(builder.sites, struct order_site, i).held);
    }
    g_array_unref(builder.sites);
    g_hash_table_unref(builder.edges);
    graph->edges = builder.list;
    g_ptr_array_sort(graph->edges, by_loc);
    return graph;
}

void order_graph_free(struct order_graph *graph)
{
    if (graph) {
        g_ptr_array_unref(graph->edges);
        g_free(graph);
    }
}
