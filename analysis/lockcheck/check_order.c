/* Circles in the order graph: threads that each hold one lock of the circle
 * and wait for the next. A circle counts only if everybody in it really waits
 * (a reader does not wait for a reader of a lock that readers may share), and
 * if no lock outside it keeps the threads from being there together. */
#include <string.h>

#include "order_internal.h"

enum { CIRCLES_MAX = 16, CIRCLE_LENGTH = 64 };

bool order_conflict(const struct flow *flow, const struct lock_class *class, enum rule_mode has,
                    enum rule_mode wants)
{
    if (has != RULE_SHARED || wants != RULE_SHARED) {
        return true;
    }
    /* A writer that waits stops new readers, where the type is fair to it. */
    return class->recursion == LOCK_PLAIN && !class->rcu &&
           g_hash_table_contains(flow->written_classes, class);
}

void order_notes(struct finding *finding, const struct order_edge *edge)
{
    for (guint i = 0; i < edge->steps->len; i++) {
        const struct order_step *step = g_ptr_array_index(edge->steps, i);

        finding_note(finding, step->loc, "%s", step->text);
    }
}

struct search {
    const struct flow *flow;
    GPtrArray *edges;    /* of const struct order_edge: those that may block */
    GHashTable *numbers; /* edge -> its place in there */
    GPtrArray **leaving; /* class number -> edges */
    uint32_t *component; /* class number -> its component */
    bool *covered;       /* edge -> is in a circle that was reported */
};

static bool follows(const struct search *search, const struct order_edge *before,
                    const struct order_edge *after)
{
    /* From one lock of a set to another and on: the first goes there as well.
     * Nor is one order of a set followed by another. */
    if ((before->set && after->via_from == before->set) ||
        (after->set && before->via_to == after->set)) {
        return false;
    }
    return order_conflict(search->flow, before->to, after->from_mode, before->to_mode);
}

/* Components of the graph of classes, by Tarjan's algorithm without recursion. */
struct frame {
    uint32_t node, next;
};

static void find_components(struct search *search, uint32_t count)
{
    uint32_t *index = g_new0(uint32_t, count), *low = g_new0(uint32_t, count);
    bool *open = g_new0(bool, count);
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(struct frame));
    GArray *stack = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    uint32_t clock = 0, components = 0;

    for (uint32_t start = 0; start < count; start++) {
        struct frame first = {start, 0};

        if (index[start]) {
            continue;
        }
        g_array_append_val(frames, first);
        while (frames->len > 0) {
            struct frame *top = &g_array_index(frames, struct frame, frames->len - 1);
            uint32_t node = top->node;
            const GPtrArray *out = search->leaving[node];

            if (top->next == 0 && !index[node]) {
                index[node] = low[node] = ++clock;
                open[node] = true;
                g_array_append_val(stack, node);
            }
            if (out && top->next < out->len) {
                const struct order_edge *edge = g_ptr_array_index(out, top->next++);
                uint32_t to = edge->to->number;

                if (!index[to]) {
                    struct frame frame = {to, 0};

                    g_array_append_val(frames, frame);
                } else if (open[to]) {
                    low[node] = MIN(low[node], index[to]);
                }
                continue;
            }
            for (guint i = 0; out && i < out->len; i++) {
                uint32_t to = ((const struct order_edge *)g_ptr_array_index(out, i))->to->number;

                if (open[to]) {
                    low[node] = MIN(low[node], low[to]);
                }
            }
            if (low[node] == index[node]) {
                uint32_t member;

                components++;
                do {
                    member = g_array_index(stack, uint32_t, stack->len - 1);
                    g_array_set_size(stack, stack->len - 1);
                    open[member] = false;
                    search->component[member] = components;
                } while (member != node);
            }
            g_array_set_size(frames, frames->len - 1);
        }
    }
    g_array_unref(frames);
    g_array_unref(stack);
    g_free(open);
    g_free(low);
    g_free(index);
}

static guint edge_number(const struct search *search, const struct order_edge *edge)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(search->numbers, edge));
}

static bool gated(const GPtrArray *circle)
{
    const struct order_edge *first = g_ptr_array_index(circle, 0);

    for (guint g = 0; g < first->gates->len; g++) {
        const struct lock_class *class = g_ptr_array_index(first->gates, g);
        bool everywhere = true;

        for (guint i = 0; i < circle->len && everywhere; i++) {
            const struct order_edge *edge = g_ptr_array_index(circle, i);

            everywhere = edge->from != class && edge->to != class &&
                         g_ptr_array_find(edge->gates, class, NULL);
        }
        if (everywhere) {
            return true;
        }
    }
    return false;
}

/* A thread does not wait for itself: each lock of a circle is another's. */
static bool lacks_threads(const GPtrArray *circle)
{
    for (guint i = 0; i < circle->len; i++) {
        const struct order_edge *edge = g_ptr_array_index(circle, i);

        for (guint k = 0; k < i && edge->lone_thread; k++) {
            const struct order_edge *other = g_ptr_array_index(circle, k);

            if (other->lone_thread == edge->lone_thread) {
                return true;
            }
        }
    }
    return false;
}

static bool is_shut(const GPtrArray *circle)
{
    return gated(circle) || lacks_threads(circle);
}

/* The shortest circle that begins with an edge, breadth first; NULL if there
 * is none. Edges in `banned` are not used. */
static GPtrArray *shortest(const struct search *search, const struct order_edge *start,
                           const bool *banned)
{
    guint count = search->edges->len;
    int32_t *before = g_new(int32_t, count);
    GArray *queue = g_array_new(FALSE, FALSE, sizeof(guint));
    guint number = edge_number(search, start), last = count;
    GPtrArray *circle = NULL;

    memset(before, 0xff, count * sizeof *before);
    g_array_append_val(queue, number);
    for (guint head = 0; head < queue->len && last == count; head++) {
        guint at = g_array_index(queue, guint, head);
        const struct order_edge *edge = g_ptr_array_index(search->edges, at);
        const GPtrArray *out = search->leaving[edge->to->number];

        if (edge->to == start->from && follows(search, edge, start)) {
            last = at;
            break;
        }
        for (guint i = 0; out && i < out->len; i++) {
            const struct order_edge *next = g_ptr_array_index(out, i);
            guint n = edge_number(search, next);

            if (n != number && before[n] < 0 && !banned[n] &&
                search->component[next->to->number] == search->component[start->to->number] &&
                follows(search, edge, next)) {
                before[n] = (int32_t)at;
                g_array_append_val(queue, n);
            }
        }
    }
    if (last < count) {
        circle = g_ptr_array_new();
        for (int32_t at = (int32_t)last; at >= 0 && circle->len < CIRCLE_LENGTH; at = before[at]) {
            g_ptr_array_insert(circle, 0, g_ptr_array_index(search->edges, (guint)at));
        }
    }
    g_array_unref(queue);
    g_free(before);
    return circle;
}

static void report_circle(const struct search *search, const GPtrArray *circle,
                          struct findings *findings)
{
    const struct order_edge *first = g_ptr_array_index(circle, 0);
    GString *names = g_string_new(first->from->name);
    struct finding *finding;

    for (guint i = 0; i < circle->len; i++) {
        const struct order_edge *edge = g_ptr_array_index(circle, i);

        g_string_append_printf(names, " -> %s", edge->to->name);
        search->covered[edge_number(search, edge)] = true;
    }
    finding = findings_add(findings, CHECK_LOCK_ORDER, SEVERITY_ERROR, first->loc, first->function,
                           "locks are taken in a circle: %s", names->str);
    for (guint i = 0; i < circle->len; i++) {
        order_notes(finding, g_ptr_array_index(circle, i));
    }
    g_string_free(names, TRUE);
}

static void report_circles(struct search *search, struct findings *findings)
{
    bool *banned = g_new0(bool, search->edges->len);
    unsigned reported = 0;

    for (guint i = 0; i < search->edges->len && reported < CIRCLES_MAX * 8; i++) {
        const struct order_edge *edge = g_ptr_array_index(search->edges, i);
        GPtrArray *circle;

        if (search->covered[i] ||
            search->component[edge->from->number] != search->component[edge->to->number]) {
            continue;
        }
        circle = shortest(search, edge, banned);
        /* A gate keeps this one shut; there may be a way round it. */
        for (unsigned tries = 0; circle && is_shut(circle) && tries < CIRCLES_MAX; tries++) {
            guint closing = edge_number(search, g_ptr_array_index(circle, circle->len - 1));

            banned[closing] = true;
            g_ptr_array_unref(circle);
            circle = closing == i ? NULL : shortest(search, edge, banned);
        }
        memset(banned, 0, search->edges->len * sizeof *banned);
        if (circle && !is_shut(circle)) {
            report_circle(search, circle, findings);
            reported++;
        }
        g_clear_pointer(&circle, g_ptr_array_unref);
    }
    g_free(banned);
}

/* Two locks of one class at once. */

static void report_unknown(const struct order_edge *edge, struct findings *findings)
{
    struct finding *finding = findings_add(
        findings, CHECK_LOCK_ORDER, SEVERITY_WARNING, edge->loc, edge->function,
        "two locks of %s are taken at once, and nothing tells in which order", edge->from->name);

    order_notes(finding, edge);
}

static void report_two_ways(const struct order_edge *one, const struct order_edge *other,
                            struct findings *findings)
{
    struct finding *finding =
        findings_add(findings, CHECK_LOCK_ORDER, SEVERITY_ERROR, one->loc, one->function,
                     "two locks of %s are taken at once in two different orders: %s, and %s",
                     one->from->name, one->relation, other->relation);

    order_notes(finding, one);
    order_notes(finding, other);
}

/* The shortest circle of edges between globals of one class that begins with
 * `start`. */
static bool instance_way(const GPtrArray *pairs, const struct order_edge *start, GPtrArray *way)
{
    GPtrArray *queue = g_ptr_array_new();
    GHashTable *before = g_hash_table_new(NULL, NULL);
    const struct order_edge *last = NULL;

    g_ptr_array_add(queue, (gpointer)start);
    for (guint head = 0; head < queue->len && !last; head++) {
        const struct order_edge *at = g_ptr_array_index(queue, head);

        if (at->second == start->first) {
            last = at;
        }
        for (guint i = 0; !last && i < pairs->len; i++) {
            struct order_edge *next = g_ptr_array_index(pairs, i);

            if (next != start && next->first == at->second &&
                !g_hash_table_contains(before, next)) {
                g_hash_table_insert(before, next, (gpointer)at);
                g_ptr_array_add(queue, next);
            }
        }
    }
    for (; last; last = last == start ? NULL : g_hash_table_lookup(before, last)) {
        g_ptr_array_insert(way, 0, (gpointer)last);
    }
    g_hash_table_unref(before);
    g_ptr_array_unref(queue);
    return way->len > 0;
}

static void check_instances(const GPtrArray *pairs, struct findings *findings)
{
    for (guint i = 0; i < pairs->len; i++) {
        GPtrArray *way = g_ptr_array_new();

        if (instance_way(pairs, g_ptr_array_index(pairs, i), way)) {
            const struct order_edge *first = g_ptr_array_index(way, 0);
            struct finding *finding = findings_add(
                findings, CHECK_LOCK_ORDER, SEVERITY_ERROR, first->loc, first->function,
                "locks of %s are taken in a circle that begins with %s", first->from->name,
                first->relation);

            for (guint k = 0; k < way->len; k++) {
                order_notes(finding, g_ptr_array_index(way, k));
            }
            g_ptr_array_unref(way);
            return;
        }
        g_ptr_array_unref(way);
    }
}

static void check_class(const struct flow *flow, const struct order_graph *graph,
                        const struct lock_class *class, struct findings *findings)
{
    const struct order_edge *known = NULL;
    GPtrArray *pairs = g_ptr_array_new();

    for (guint i = 0; i < graph->edges->len; i++) {
        const struct order_edge *edge = g_ptr_array_index(graph->edges, i);

        if (edge->from != class || edge->to != class || edge->trylock || edge->dying ||
            edge->gates->len > 0 || !order_conflict(flow, class, edge->from_mode, edge->to_mode)) {
            continue;
        }
        if (edge->first) {
            g_ptr_array_add(pairs, (gpointer)edge);
            continue;
        }
        if (edge->relation[0] == '\0') {
            report_unknown(edge, findings);
            break;
        }
        if (known && known->relation != edge->relation) {
            report_two_ways(known, edge, findings);
            break;
        }
        known = edge;
    }
    check_instances(pairs, findings);
    g_ptr_array_unref(pairs);
}

static bool may_block(const struct order_edge *edge)
{
    return !edge->trylock && !edge->dying && edge->direct && edge->from != edge->to;
}

void check_order(struct program *program, const struct order_graph *graph,
                 struct findings *findings)
{
    const GPtrArray *classes = lock_classes(program);
    struct search search = {.flow = flow_of(program)};
    bool *self = g_new0(bool, classes->len + 1);

    search.edges = g_ptr_array_new();
    search.numbers = g_hash_table_new(NULL, NULL);
    search.leaving = g_new0(GPtrArray *, classes->len + 1);
    search.component = g_new0(uint32_t, classes->len + 1);
    for (guint i = 0; i < graph->edges->len; i++) {
        struct order_edge *edge = g_ptr_array_index(graph->edges, i);

        self[edge->from->number] |= edge->from == edge->to;
        if (may_block(edge)) {
            GPtrArray **out = &search.leaving[edge->from->number];

            if (!*out) {
                *out = g_ptr_array_new();
            }
            g_ptr_array_add(*out, edge);
            g_hash_table_insert(search.numbers, edge, GUINT_TO_POINTER(search.edges->len));
            g_ptr_array_add(search.edges, edge);
        }
    }
    search.covered = g_new0(bool, search.edges->len + 1);
    find_components(&search, classes->len);
    report_circles(&search, findings);
    for (guint c = 0; c < classes->len; c++) {
        if (self[c]) {
            check_class(search.flow, graph, g_ptr_array_index(classes, c), findings);
        }
        if (search.leaving[c]) {
            g_ptr_array_unref(search.leaving[c]);
        }
    }
    g_ptr_array_unref(search.edges);
    g_hash_table_unref(search.numbers);
    g_free(search.leaving);
    g_free(search.component);
    g_free(search.covered);
    g_free(self);
}
