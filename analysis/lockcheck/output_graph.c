/* The order graph in the form that is shown. An edge is part of a cycle if
 * both its ends are in one strongly connected component of the graph without
 * trylocks and the orders that a set may have; components are found by Tarjan's algorithm with a
 * stack of its own, so that a long chain of classes is no danger to ours. */
#include "output.h"

#include <string.h>

static void edge_free(gpointer data)
{
    struct output_edge *edge = data;

    g_ptr_array_unref(edge->edges);
    g_free(edge);
}

static int compare_classes(gconstpointer a, gconstpointer b)
{
    const struct lock_class *x = *(const struct lock_class *const *)a;
    const struct lock_class *y = *(const struct lock_class *const *)b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static int compare_edges(gconstpointer a, gconstpointer b)
{
    const struct output_edge *x = *(const struct output_edge *const *)a;
    const struct output_edge *y = *(const struct output_edge *const *)b;
    int order = compare_classes(&x->from, &y->from);

    return order ? order : compare_classes(&x->to, &y->to);
}

static int compare_modes(gconstpointer a, gconstpointer b)
{
    const struct order_edge *x = *(const struct order_edge *const *)a;
    const struct order_edge *y = *(const struct order_edge *const *)b;
    int order = (int)x->from_mode - (int)y->from_mode;

    order = order ? order : (int)x->to_mode - (int)y->to_mode;
    return order ? order : (int)x->trylock - (int)y->trylock;
}

struct tarjan {
    GPtrArray **out; /* by class: of struct output_edge */
    guint *index, *low, *component;
    guint *next;   /* by class: the edge to look at */
    GArray *stack; /* of guint: classes whose component is open */
    GArray *calls; /* of guint: the way to the class that is looked at */
    guint count, components;
};

static void enter(struct tarjan *t, guint class)
{
    t->index[class] = t->low[class] = ++t->count;
    g_array_append_val(t->stack, class);
    g_array_append_val(t->calls, class);
}

static void leave(struct tarjan *t, guint class)
{
    g_array_set_size(t->calls, t->calls->len - 1);
    if (t->calls->len > 0) {
        guint parent = g_array_index(t->calls, guint, t->calls->len - 1);

        t->low[parent] = MIN(t->low[parent], t->low[class]);
    }
    if (t->low[class] == t->index[class]) {
        guint member;

        t->components++;
        do {
            member = g_array_index(t->stack, guint, t->stack->len - 1);
            g_array_set_size(t->stack, t->stack->len - 1);
            t->component[member] = t->components;
        } while (member != class);
    }
}

static void visit(struct tarjan *t, guint from)
{
    enter(t, from);
    while (t->calls->len > 0) {
        guint class = g_array_index(t->calls, guint, t->calls->len - 1);

        if (!t->out[class] || t->next[class] == t->out[class]->len) {
            leave(t, class);
            continue;
        }
        const struct output_edge *edge = t->out[class]->pdata[t->next[class]++];
        guint to = edge->to->number;

        if (!t->index[to]) {
            enter(t, to);
        } else if (!t->component[to]) {
            t->low[class] = MIN(t->low[class], t->index[to]);
        }
    }
}

static void find_cycles(struct output_graph *graph, guint classes)
{
    if (classes == 0) {
        return;
    }
    struct tarjan t = {.out = g_new0(GPtrArray *, classes),
                       .index = g_new0(guint, classes),
                       .low = g_new0(guint, classes),
                       .component = g_new0(guint, classes),
                       .next = g_new0(guint, classes),
                       .stack = g_array_new(FALSE, FALSE, sizeof(guint)),
                       .calls = g_array_new(FALSE, FALSE, sizeof(guint))};

    for (guint i = 0; i < graph->edges->len; i++) {
        struct output_edge *edge = graph->edges->pdata[i];
        guint from = edge->from->number;

        if (!edge->trylock && !edge->set) {
            if (!t.out[from]) {
                t.out[from] = g_ptr_array_new();
            }
            g_ptr_array_add(t.out[from], edge);
        }
    }
    for (guint class = 0; class < classes; class ++) {
        if (!t.index[class]) {
            visit(&t, class);
        }
    }
    for (guint i = 0; i < graph->edges->len; i++) {
        struct output_edge *edge = graph->edges->pdata[i];

        edge->cycle = !edge->trylock && !edge->set && edge->from != edge->to &&
                      t.component[edge->from->number] == t.component[edge->to->number];
    }
    for (guint class = 0; class < classes; class ++) {
        if (t.out[class]) {
            g_ptr_array_unref(t.out[class]);
        }
    }
    g_free(t.out);
    g_free(t.index);
    g_free(t.low);
    g_free(t.component);
    g_free(t.next);
    g_array_unref(t.stack);
    g_array_unref(t.calls);
}

static guint pair_hash(gconstpointer key)
{
    const struct output_edge *e = key;

    return e->from->number * 31337u + e->to->number;
}

static gboolean pair_equal(gconstpointer a, gconstpointer b)
{
    const struct output_edge *x = a, *y = b;

    return x->from == y->from && x->to == y->to;
}

static void add_edge(struct output_graph *graph, GHashTable *pairs, struct order_edge *edge)
{
    const struct output_edge key = {.from = edge->from, .to = edge->to};
    struct output_edge *known = g_hash_table_lookup(pairs, &key);

    if (!known) {
        known = g_new0(struct output_edge, 1);
        known->from = edge->from;
        known->to = edge->to;
        known->trylock = known->set = true;
        known->edges = g_ptr_array_new();
        g_hash_table_add(pairs, known);
        g_ptr_array_add(graph->edges, known);
    }
    g_ptr_array_add(known->edges, edge);
    known->trylock = known->trylock && edge->trylock;
    known->set = known->set && edge->set;
}

/* Some classes are only names in contracts: an atomic that a function acquires
 * in some sense. They are shown if they take part in an order. */
static bool is_lock(const struct program *program, const struct lock_class *class)
{
    const struct ir_type *type = class->variable ? &class->variable->type : NULL;
    const struct ir_record *record;

    if (class->rcu) {
        return true;
    }
    if (!type || type->pointers > 0) {
        return false;
    }
    record = type->record ? program_record(program, type->record) : NULL;
    return rules_lock_type(program->rules, type->name) ||
           (record && annotation_has(record->annotations, ANNOTATION_CAPABILITY));
}

static void add_class(const struct lock_class *class, GHashTable *shown, GPtrArray *classes)
{
    if (g_hash_table_add(shown, (gpointer)(uintptr_t)class)) {
        g_ptr_array_add(classes, (gpointer)(uintptr_t)class);
    }
}

struct output_graph *output_graph_new(const struct program *program,
                                      const struct order_graph *order)
{
    const GPtrArray *all = lock_classes(program);
    struct output_graph *graph = g_new0(struct output_graph, 1);
    GHashTable *pairs = g_hash_table_new(pair_hash, pair_equal);
    GHashTable *shown = g_hash_table_new(NULL, NULL);
    guint classes = 0;

    graph->classes = g_ptr_array_new();
    graph->edges = g_ptr_array_new_with_free_func(edge_free);
    for (guint i = 0; i < all->len; i++) {
        const struct lock_class *class = all->pdata[i];

        classes = MAX(classes, class->number + 1);
        if (!class->role && is_lock(program, class)) {
            add_class(class, shown, graph->classes);
        }
    }
    for (guint i = 0; i < order->edges->len; i++) {
        struct order_edge *edge = order->edges->pdata[i];

        if (!edge->from->role && !edge->to->role) {
            add_edge(graph, pairs, edge);
            add_class(edge->from, shown, graph->classes);
            add_class(edge->to, shown, graph->classes);
        }
    }
    g_ptr_array_sort(graph->classes, compare_classes);
    g_ptr_array_sort(graph->edges, compare_edges);
    for (guint i = 0; i < graph->edges->len; i++) {
        g_ptr_array_sort(((struct output_edge *)graph->edges->pdata[i])->edges, compare_modes);
    }
    find_cycles(graph, classes);
    g_hash_table_unref(pairs);
    g_hash_table_unref(shown);
    return graph;
}

void output_graph_free(struct output_graph *graph)
{
    if (graph) {
        g_ptr_array_unref(graph->edges);
        g_ptr_array_unref(graph->classes);
        g_free(graph);
    }
}

const char *output_mode_name(enum rule_mode mode)
{
    static const char *const names[] = {"exclusive", "shared", "any"};

    return names[mode];
}
