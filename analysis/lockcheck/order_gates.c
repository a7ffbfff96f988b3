/* What keeps threads from being at two edges of the order graph at once: locks
 * that are held on every occasion, and that there is but one thread. */
#include "order_internal.h"
#include "thread_sets.h"

/* In how many functions an edge occurs; with more its gates are given up. */
enum { OCCURRENCES_MAX = 64 };

static const struct place *object_of(const struct place *place)
{
    while (place && place->parent && place->step != IR_STEP_FIELD) {
        place = place->parent;
    }
    return place && place->parent ? place->parent : NULL;
}

/* Whether a third lock that is held keeps other threads out of the same pair:
 * it is one for the whole program, or in the object that one of them is in. */
static bool is_gate(const struct flow_lock *gate, const struct flow_lock *held,
                    const struct take *take)
{
    const struct place *object;

    if (gate == held || !gate->held.class || gate->held.class->role || gate->held.class->rcu ||
        gate->held.mode != RULE_EXCLUSIVE || gate->held.class == held->held.class ||
        gate->held.class == take->class || take->without[0] == gate->place ||
        take->without[1] == gate->place) {
        return false;
    }
    if (gate->place->root == PLACE_GLOBAL && gate->place->depth == 0) {
        return true;
    }
    object = object_of(gate->place);
    return object && (object == object_of(held->place) || object == object_of(take->place));
}

static GPtrArray *gates_of(const struct flow_state *state, const struct flow_lock *held,
                           const struct take *take)
{
    GPtrArray *gates = g_ptr_array_new();

    for (guint i = 0; i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (is_gate(l, held, take)) {
            g_ptr_array_add(gates, (gpointer)l->held.class);
        }
    }
    return gates;
}

/* Keeps in `gates` what is in `others` too. */
static void intersect(GPtrArray *gates, const GPtrArray *others)
{
    for (guint i = 0; i < gates->len;) {
        if (g_ptr_array_find((GPtrArray *)others, g_ptr_array_index(gates, i), NULL)) {
            i++;
        } else {
            g_ptr_array_remove_index_fast(gates, i);
        }
    }
}

void order_gates_note(struct built_edge *edge, const struct flow_state *state,
                      const struct flow_lock *held, const struct take *take)
{
    struct order_occurrence occurrence = {.function = state->walk->function->number};

    if (edge->ungated) {
        return;
    }
    occurrence.gates = gates_of(state, held, take);
    for (guint i = 0; i < edge->occurrences->len; i++) {
        struct order_occurrence *o = &g_array_index(edge->occurrences, struct order_occurrence, i);

        if (o->function == occurrence.function) {
            intersect(o->gates, occurrence.gates);
            g_ptr_array_unref(occurrence.gates);
            return;
        }
    }
    if (edge->occurrences->len >= OCCURRENCES_MAX) {
        edge->ungated = true;
        g_ptr_array_unref(occurrence.gates);
        return;
    }
    g_array_append_val(edge->occurrences, occurrence);
}

/* What is held at every call of each function: NULL for "not called". */
static GPtrArray **always_held(const struct order_builder *builder)
{
    guint count = builder->flow->program->functions->len;
    GPtrArray **held = g_new0(GPtrArray *, count);
    bool changed = true;

    for (guint i = 0; i < count; i++) {
        const struct pfunction *f = g_ptr_array_index(builder->flow->program->functions, i);
        const struct flow_function *ff = flow_function_of(f);

        /* Called from outside, or by who knows whom. */
        if (!ff || ff->root || f->callers->len == 0 || !f->ir->is_static || f->stored->len > 0) {
            held[i] = g_ptr_array_new();
        }
    }
    for (int round = 0; changed && round < 20; round++) {
        changed = false;
        for (guint s = 0; s < builder->sites->len; s++) {
            const struct order_site *site = &g_array_index(builder->sites, struct order_site, s);
            GPtrArray *at;

            if (!held[site->caller]) {
                continue; /* not reached yet */
            }
            at = g_ptr_array_copy(site->held, NULL, NULL);
            g_ptr_array_extend(at, held[site->caller], NULL, NULL);
            if (!held[site->callee]) {
                held[site->callee] = at;
                changed = true;
                continue;
            }
            guint before = held[site->callee]->len;

            intersect(held[site->callee], at);
            changed |= held[site->callee]->len != before;
            g_ptr_array_unref(at);
        }
    }
    /* The greatest solution was not reached: better none than a wrong one. */
    for (guint i = 0; i < count; i++) {
        if (!held[i]) {
            held[i] = g_ptr_array_new();
        } else if (changed) {
            g_ptr_array_set_size(held[i], 0);
        }
    }
    return held;
}

void order_gates_find(struct order_builder *builder)
{
    GPtrArray **held = always_held(builder);

    for (guint i = 0; i < builder->list->len; i++) {
        struct built_edge *edge = g_ptr_array_index(builder->list, i);

        for (guint k = 0; !edge->ungated && k < edge->occurrences->len; k++) {
            const struct order_occurrence *o =
                &g_array_index(edge->occurrences, struct order_occurrence, k);
            GPtrArray *all = g_ptr_array_copy(o->gates, NULL, NULL);

            g_ptr_array_extend(all, held[o->function], NULL, NULL);
            if (k == 0) {
                g_ptr_array_extend(edge->edge.gates, all, NULL, NULL);
            } else {
                intersect(edge->edge.gates, all);
            }
            g_ptr_array_unref(all);
        }
        for (guint g = 0; g < edge->edge.gates->len;) {
            gpointer class = g_ptr_array_index(edge->edge.gates, g);

            if (class == edge->edge.from || class == edge->edge.to) {
                g_ptr_array_remove_index_fast(edge->edge.gates, g);
            } else {
                g++;
            }
        }
    }
    for (guint i = 0; i < builder->flow->program->functions->len; i++) {
        g_ptr_array_unref(held[i]);
    }
    g_free(held);
}

void order_threads_find(const struct order_builder *builder)
{
    struct program *program = builder->flow->program;
    struct thread_sets *sets = thread_sets_new(program);

    for (guint i = 0; i < builder->list->len; i++) {
        struct built_edge *edge = g_ptr_array_index(builder->list, i);
        thread_set threads = edge->ungated ? THREADS_ANY : 0;

        for (guint k = 0; !edge->ungated && k < edge->occurrences->len; k++) {
            uint32_t function =
                g_array_index(edge->occurrences, struct order_occurrence, k).function;

            threads |= thread_sets_of(sets, g_ptr_array_index(program->functions, function));
        }
        edge->edge.lone_thread = thread_sets_is_one(sets, threads) ? threads : 0;
    }
    thread_sets_free(sets);
}
