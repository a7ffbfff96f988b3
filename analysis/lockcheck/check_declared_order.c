/* The order that the code declares: acquired_after and acquired_before on
 * locks (a configuration's `after` and `before` arrive as the same), taken
 * transitively, and the ranks of lock-class objects. Every edge that was found
 * must agree. Edges between two locks that are both in the declared order but
 * not to each other are told as notes, and so are declared relations that no
 * path uses. */
#include <string.h>

#include "order_internal.h"

struct relation {
    const struct lock_class *before, *after;
    struct ir_loc loc;
    bool used;
};

struct declared {
    struct program *program;
    GArray *relations; /* of struct relation */
    GPtrArray **after; /* class -> classes that come directly after it */
    guint classes;
};

static void add_relation(struct declared *declared, const struct lock_class *before,
                         const struct lock_class *after, struct ir_loc loc)
{
    struct relation relation = {before, after, loc, false};

    if (!before || !after || before == after) {
        return;
    }
    for (guint i = 0; i < declared->relations->len; i++) {
        const struct relation *r = &g_array_index(declared->relations, struct relation, i);

        if (r->before == before && r->after == after) {
            return;
        }
    }
    g_array_append_val(declared->relations, relation);
}

static void read_annotations(struct declared *declared, const struct ir_variable *variable,
                             const struct ir_record *record, const struct lock_class *class)
{
    for (guint i = 0; i < variable->annotations->len; i++) {
        struct annotation annotation;

        if (!annotation_parse(g_ptr_array_index(variable->annotations, i), &annotation)) {
            continue;
        }
        bool after = annotation.kind == ANNOTATION_ACQUIRED_AFTER;
        bool before = annotation.kind == ANNOTATION_ACQUIRED_BEFORE;

        for (guint a = 0; (after || before) && a < annotation.arguments->len; a++) {
            const char *text = g_ptr_array_index(annotation.arguments, a);
            struct ir_path *base = NULL, *path;
            const struct lock_class *other;

            if (record) {
                base = ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
                path = annotation_path(declared->program, text, NULL, record, base);
            } else {
                path = annotation_path_of_global(declared->program, text, variable);
            }
            other = path ? lock_class_of_path(declared->program, path, NULL) : NULL;
            if (!other) {
                /* By the name that reports show: "struct queue.lock". */
                other = lock_class_named(declared->program, text);
            }
            add_relation(declared, after ? other : class, after ? class : other, variable->loc);
            ir_path_free(path);
            ir_path_free(base);
        }
        annotation_clear(&annotation);
    }
}

static bool says_order(const struct ir_variable *variable)
{
    return annotation_has(variable->annotations, ANNOTATION_ACQUIRED_AFTER) ||
           annotation_has(variable->annotations, ANNOTATION_ACQUIRED_BEFORE);
}

static void read_globals(struct declared *declared)
{
    GHashTableIter iter;
    gpointer symbol, value;

    g_hash_table_iter_init(&iter, declared->program->globals);
    while (g_hash_table_iter_next(&iter, &symbol, &value)) {
        const struct ir_variable *variable = value;

        if (says_order(variable)) {
            struct ir_path *path = ir_path_new(IR_ROOT_GLOBAL, 0, symbol);

            read_annotations(declared, variable, NULL,
                             lock_class_of_path(declared->program, path, NULL));
            ir_path_free(path);
        }
    }
}

static void read_fields(struct declared *declared)
{
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, declared->program->records);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const struct ir_record *record = value;

        for (guint i = 0; i < record->fields->len; i++) {
            const struct ir_variable *field = g_ptr_array_index(record->fields, i);
            struct ir_step step = {.kind = IR_STEP_FIELD, .record = key, .name = field->name};
            struct ir_path *path;

            if (!says_order(field)) {
                continue;
            }
            path = ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
            ir_path_add(path, step);
            read_annotations(declared, field, record,
                             lock_class_of_path(declared->program, path, NULL));
            ir_path_free(path);
        }
    }
}

static void build_after(struct declared *declared)
{
    declared->classes = lock_classes(declared->program)->len;
    declared->after = g_new0(GPtrArray *, declared->classes + 1);
    for (guint i = 0; i < declared->relations->len; i++) {
        const struct relation *r = &g_array_index(declared->relations, struct relation, i);
        GPtrArray **list = &declared->after[r->before->number];

        if (!*list) {
            *list = g_ptr_array_new();
        }
        g_ptr_array_add(*list, (gpointer)r->after);
    }
}

/* The classes on the way from one to the other by what is declared, both
 * included; NULL if the second is not declared to come after the first. */
static GPtrArray *declared_way(const struct declared *declared, const struct lock_class *from,
                               const struct lock_class *to)
{
    const struct lock_class **before = g_new0(const struct lock_class *, declared->classes + 1);
    GPtrArray *queue = g_ptr_array_new(), *way = NULL;

    g_ptr_array_add(queue, (gpointer)from);
    before[from->number] = from;
    for (guint head = 0; head < queue->len && !before[to->number]; head++) {
        const struct lock_class *at = g_ptr_array_index(queue, head);
        const GPtrArray *next = declared->after[at->number];

        for (guint i = 0; next && i < next->len; i++) {
            const struct lock_class *class = g_ptr_array_index(next, i);

            if (!before[class->number]) {
                before[class->number] = at;
                g_ptr_array_add(queue, (gpointer) class);
            }
        }
    }
    if (before[to->number] && from != to) {
        way = g_ptr_array_new();
        for (const struct lock_class *at = to; at != from; at = before[at->number]) {
            g_ptr_array_insert(way, 0, (gpointer)at);
        }
        g_ptr_array_insert(way, 0, (gpointer)from);
    }
    g_ptr_array_unref(queue);
    g_free(before);
    return way;
}

static const struct relation *relation_of(const struct declared *declared,
                                          const struct lock_class *before,
                                          const struct lock_class *after)
{
    for (guint i = 0; i < declared->relations->len; i++) {
        const struct relation *r = &g_array_index(declared->relations, struct relation, i);

        if (r->before == before && r->after == after) {
            return r;
        }
    }
    return NULL;
}

static void report_against(const struct declared *declared, const struct order_edge *edge,
                           const GPtrArray *way, struct findings *findings)
{
    struct finding *finding =
        findings_add(findings, CHECK_DECLARED_ORDER, SEVERITY_ERROR, edge->loc, edge->function,
                     "%s is taken while %s is held, but is declared to come before it",
                     edge->to->name, edge->from->name);

    order_notes(finding, edge);
    for (guint i = 1; i < way->len; i++) {
        const struct lock_class *before = g_ptr_array_index(way, i - 1);
        const struct lock_class *after = g_ptr_array_index(way, i);
        const struct relation *r = relation_of(declared, before, after);

        if (r) {
            finding_note(finding, r->loc, "here %s is declared to come before %s", before->name,
                         after->name);
        }
    }
}

static bool in_order(const struct declared *declared, const struct lock_class *class)
{
    for (guint i = 0; i < declared->relations->len; i++) {
        const struct relation *r = &g_array_index(declared->relations, struct relation, i);

        if (r->before == class || r->after == class) {
            return true;
        }
    }
    return false;
}

static void check_rank(struct program *program, const struct order_edge *edge,
                       struct findings *findings)
{
    int64_t from, to;
    struct finding *finding;

    if (!lock_class_rank(program, edge->from, &from) || !lock_class_rank(program, edge->to, &to) ||
        from <= to) {
        return;
    }
    finding = findings_add(
        findings, CHECK_DECLARED_ORDER, SEVERITY_ERROR, edge->loc, edge->function,
        "%s (rank %" G_GINT64_FORMAT ") is taken while %s (rank %" G_GINT64_FORMAT ") is held",
        edge->to->name, to, edge->from->name, from);
    order_notes(finding, edge);
}

static void check_edge(struct declared *declared, const struct order_edge *edge,
                       struct findings *findings)
{
    GPtrArray *forward, *backward;

    for (guint i = 0; i < declared->relations->len; i++) {
        struct relation *r = &g_array_index(declared->relations, struct relation, i);

        r->used |= r->before == edge->from && r->after == edge->to;
    }
    if (edge->trylock || edge->from == edge->to) {
        return;
    }
    check_rank(declared->program, edge, findings);
    forward = declared_way(declared, edge->from, edge->to);
    backward = declared_way(declared, edge->to, edge->from);
    if (backward && !forward) {
        report_against(declared, edge, backward, findings);
    } else if (!forward && in_order(declared, edge->from) && in_order(declared, edge->to)) {
        struct finding *finding =
            findings_add(findings, CHECK_DECLARED_ORDER, SEVERITY_NOTE, edge->loc, edge->function,
                         "%s is taken while %s is held; the declared order says nothing of the two",
                         edge->to->name, edge->from->name);

        order_notes(finding, edge);
    }
    if (forward) {
        g_ptr_array_unref(forward);
    }
    if (backward) {
        g_ptr_array_unref(backward);
    }
}

static gint by_loc(gconstpointer left, gconstpointer right)
{
    const struct relation *a = left, *b = right;
    int order = g_strcmp0(a->loc.file, b->loc.file);

    if (order == 0) {
        order = (a->loc.line > b->loc.line) - (a->loc.line < b->loc.line);
    }
    if (order == 0) {
        order = strcmp(a->before->name, b->before->name);
    }
    return order ? order : strcmp(a->after->name, b->after->name);
}

void check_declared_order(struct program *program, const struct order_graph *graph,
                          struct findings *findings)
{
    struct declared declared = {.program = program};

    declared.relations = g_array_new(FALSE, FALSE, sizeof(struct relation));
    read_globals(&declared);
    read_fields(&declared);
    g_array_sort(declared.relations, by_loc);
    build_after(&declared);
    for (guint i = 0; i < graph->edges->len; i++) {
        check_edge(&declared, g_ptr_array_index(graph->edges, i), findings);
    }
    for (guint i = 0; i < declared.relations->len; i++) {
        const struct relation *r = &g_array_index(declared.relations, struct relation, i);

        if (!r->used) {
            (void)findings_add(findings, CHECK_UNUSED_ORDER, SEVERITY_NOTE, r->loc, NULL,
                               "no path takes %s while %s is held, as is declared here",
                               r->after->name, r->before->name);
        }
    }
    for (guint i = 0; i < declared.classes; i++) {
        if (declared.after[i]) {
            g_ptr_array_unref(declared.after[i]);
        }
    }
    g_free(declared.after);
    g_array_unref(declared.relations);
}
