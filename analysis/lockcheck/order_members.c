/* Locks that are taken through stored pointers, as in
 *
 *     static struct mutex *added[MAX];    ... for (...) mutex_lock(added[i]);
 *
 * are those whose addresses are stored there, anywhere in the program: the
 * class of the pointers gives way to theirs. In which order the pointers of
 * one array follow each other is not known. So each lock of a set comes before
 * each other, by edges that do not follow each other in a circle: where the
 * array is gone through in one direction, the set has some order, and a circle
 * needs somebody else who takes two of its locks.
 *
 * Invariant: the class of the pointers stays in the graph only if something
 * that we cannot follow is stored in them too. */
#include <string.h>

#include "order_internal.h"

struct member {
    const struct lock_class *class;
    const struct stored_lock *lock; /* NULL: the class itself, no pointer */
};

static const GPtrArray *stored(const struct flow *flow, const struct lock_class *class,
                               bool *others)
{
    const struct ir_variable *variable = class->variable;
    const GPtrArray *locks;
    struct ir_path *path;

    *others = true;
    if (!variable || variable->type.pointers == 0 || class->role || class->rcu) {
        return NULL;
    }
    if (class->record) {
        const struct ir_step step = {
            .kind = IR_STEP_FIELD, .record = class->record, .name = variable->name};

        path = ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
        ir_path_add(path, step);
    } else {
        path = ir_path_new(IR_ROOT_GLOBAL, 0, variable->symbol);
    }
    locks = program_stored_locks(flow->program, path, others);
    ir_path_free(path);
    return locks;
}

bool order_has_members(const struct flow *flow, const struct lock_class *class)
{
    bool others;

    return stored(flow, class, &others) != NULL;
}

/* The classes that stand for a class: it alone, or those of its members. */
static GArray *members_of(const struct flow *flow, const struct lock_class *class)
{
    GArray *members = g_array_new(FALSE, FALSE, sizeof(struct member));
    const struct member itself = {class, NULL};
    bool others;
    const GPtrArray *locks = stored(flow, class, &others);

    for (guint i = 0; locks && i < locks->len; i++) {
        const struct stored_lock *lock = g_ptr_array_index(locks, i);
        const struct member member = {lock_class_of_path(flow->program, lock->path, lock->function),
                                      lock};
        bool known = !member.class || member.class == class;

        for (guint m = 0; !known && m < members->len; m++) {
            known = g_array_index(members, struct member, m).class == member.class;
        }
        if (!known) {
            g_array_append_val(members, member);
        }
        others |= !member.class;
    }
    if (others) {
        g_array_append_val(members, itself);
    }
    return members;
}

static void add_step(struct order_edge *edge, struct ir_loc loc, char *text /* taken over */)
{
    struct order_step *step = g_new(struct order_step, 1);

    step->loc = loc;
    step->text = text;
    g_ptr_array_add(edge->steps, step);
}

static void add_membership(struct order_edge *edge, const struct lock_class *pointer,
                           const struct member *member)
{
    if (member->lock) {
        add_step(
            edge, member->lock->loc,
            g_strdup_printf("%s is one that %s points to", member->class->name, pointer->name));
    }
}

/* What holds for both: they are one edge from now on. */
static void merge(struct order_edge *edge, const struct order_edge *other)
{
    for (guint i = 0; i < edge->gates->len;) {
        if (g_ptr_array_find(other->gates, g_ptr_array_index(edge->gates, i), NULL)) {
            i++;
        } else {
            g_ptr_array_remove_index_fast(edge->gates, i);
        }
    }
    edge->direct |= other->direct;
    if (edge->lone_thread != other->lone_thread) {
        edge->lone_thread = 0;
    }
    if (edge->via_from != other->via_from) {
        edge->via_from = NULL;
    }
    if (edge->via_to != other->via_to) {
        edge->via_to = NULL;
    }
    if (edge->set != other->set) {
        edge->set = NULL;
    }
}

static void add_between(struct order_builder *builder, const struct order_edge *edge,
                        const struct member *from, const struct member *to)
{
    struct order_edge wanted = *edge;
    struct order_edge *added;

    wanted.from = from->class;
    wanted.to = to->class;
    wanted.relation = "";
    wanted.first = wanted.second = NULL;
    wanted.via_from = from->lock ? edge->from : NULL;
    wanted.via_to = to->lock ? edge->to : NULL;
    wanted.set = edge->from == edge->to ? edge->from : NULL;
    added = &order_edge(builder, &wanted)->edge;
    if (added->steps->len > 0) {
        merge(added, &wanted);
        return;
    }
    g_ptr_array_extend(added->gates, edge->gates, NULL, NULL);
    for (guint i = 0; i < edge->steps->len; i++) {
        const struct order_step *step = g_ptr_array_index(edge->steps, i);

        add_step(added, step->loc, g_strdup(step->text));
        if (i == 0) {
            add_membership(added, edge->from, from);
        }
    }
    add_membership(added, edge->to, to);
}

static void add_expanded(struct order_builder *builder, const struct order_edge *edge)
{
    GArray *from = members_of(builder->flow, edge->from);
    GArray *to = members_of(builder->flow, edge->to);

    for (guint i = 0; i < from->len; i++) {
        for (guint k = 0; k < to->len; k++) {
            const struct member *a = &g_array_index(from, struct member, i);
            const struct member *b = &g_array_index(to, struct member, k);

            /* Of one class they are one lock, mostly. */
            if ((a->lock || b->lock) && a->class != b->class) {
                add_between(builder, edge, a, b);
            }
        }
    }
    g_array_unref(from);
    g_array_unref(to);
}

/* Whether members tell all of an edge. Two pointers of one class that are taken
 * at once are looked at as such, by how one is found from the other. */
static bool gives_way(const struct flow *flow, const struct order_edge *edge)
{
    bool from_others, to_others;
    const GPtrArray *from = stored(flow, edge->from, &from_others);
    const GPtrArray *to = stored(flow, edge->to, &to_others);

    if (edge->from == edge->to) {
        return edge->set != NULL;
    }
    return (from && !from_others) || (to && !to_others);
}

void order_members_find(struct order_builder *builder)
{
    GPtrArray *edges = g_ptr_array_new();

    for (guint i = 0; i < builder->list->len; i++) {
        const struct order_edge *edge = g_ptr_array_index(builder->list, i);

        if (order_has_members(builder->flow, edge->from) ||
            order_has_members(builder->flow, edge->to)) {
            g_ptr_array_add(edges, (gpointer)edge);
        }
    }
    for (guint i = 0; i < edges->len; i++) {
        add_expanded(builder, g_ptr_array_index(edges, i));
    }
    for (guint i = 0; i < edges->len; i++) {
        struct order_edge *edge = g_ptr_array_index(edges, i);

        if (gives_way(builder->flow, edge)) {
            g_hash_table_remove(builder->edges, edge);
            g_ptr_array_remove(builder->list, edge);
        }
    }
    g_ptr_array_unref(edges);
}
