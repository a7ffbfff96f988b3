/* Ways out that callers need not tell apart are made one. Invariant: those
 * that are left are at most OUTS_MAX, and differ in what is locked or in what
 * a caller can see of them. */
#include "flow_internal.h"

enum { OUTS_MAX = 12, CAREFUL = 64 };

static bool same_delta(const struct out *a, const struct out *b)
{
    guint n = a->acquired ? a->acquired->len : 0, m = a->released ? a->released->len : 0;

    if (n != (b->acquired ? b->acquired->len : 0) || m != (b->released ? b->released->len : 0)) {
        return false;
    }
    for (guint i = 0; i < n; i++) {
        const struct flow_lock *x = &g_array_index(a->acquired, struct flow_lock, i);
        const struct flow_lock *y = &g_array_index(b->acquired, struct flow_lock, i);

        if (x->place != y->place || x->held.mode != y->held.mode) {
            return false;
        }
    }
    for (guint i = 0; i < m; i++) {
        if (g_array_index(a->released, struct gone, i).place !=
            g_array_index(b->released, struct gone, i).place) {
            return false;
        }
    }
    return true;
}

static bool pointer_result(const struct term *term)
{
    return term && (term->kind == TERM_ADDRESS || term->kind == TERM_VALUE);
}

static void clear_if_empty(GArray **list)
{
    if (*list && (*list)->len == 0) {
        g_clear_pointer(list, g_array_unref);
    }
}

/* Keeps what both say. */
static void join_conditions(struct out *out, const struct out *other)
{
    for (guint i = 0; out->conditions && i < out->conditions->len;) {
        struct fact *f = &g_array_index(out->conditions, struct fact, i);
        const struct fact *same = NULL;

        for (guint k = 0; other->conditions && k < other->conditions->len; k++) {
            const struct fact *g = &g_array_index(other->conditions, struct fact, k);

            same = g->term == f->term ? g : same;
        }
        if (same) {
            range_join(&f->range, &same->range);
        }
        if (!same || range_is_any(&f->range)) {
            g_array_remove_index_fast(out->conditions, i);
        } else {
            i++;
        }
    }
    clear_if_empty(&out->conditions);
}

static void join_stores(struct out *out, const struct out *other)
{
    for (guint i = 0; out->stores && i < out->stores->len;) {
        const struct out_store *store = &g_array_index(out->stores, struct out_store, i);
        bool same = false;

        for (guint k = 0; other->stores && k < other->stores->len; k++) {
            const struct out_store *s = &g_array_index(other->stores, struct out_store, k);

            same |= s->place == store->place && s->term == store->term;
        }
        if (!same) {
            g_array_remove_index_fast(out->stores, i);
        } else {
            i++;
        }
    }
    clear_if_empty(&out->stores);
}

static void join_dropped(struct out *out, const struct out *other)
{
    for (guint i = 0; out->dropped && i < out->dropped->len;) {
        if (gone_find(other->dropped, g_array_index(out->dropped, struct gone, i).place)) {
            i++;
        } else {
            g_array_remove_index(out->dropped, i);
        }
    }
    clear_if_empty(&out->dropped);
}

static void merge(struct out *out, const struct out *other)
{
    range_join(&out->range, &other->range);
    if (out->result != other->result) {
        out->result = NULL;
    }
    join_conditions(out, other);
    join_stores(out, other);
    join_dropped(out, other);
    out->coarse |= other->coarse;
}

static int delta_of(const struct out *out, const struct place *place)
{
    for (guint i = 0; out->acquired && i < out->acquired->len; i++) {
        if (g_array_index(out->acquired, struct flow_lock, i).place == place) {
            return 1;
        }
    }
    return gone_find(out->released, place) ? -1 : 0;
}

/* Whether they leave different numbers in some place. */
static bool answer_differently(const struct out *a, const struct out *b)
{
    for (guint i = 0; a->stores && i < a->stores->len; i++) {
        const struct out_store *x = &g_array_index(a->stores, struct out_store, i);

        for (guint k = 0; b->stores && k < b->stores->len; k++) {
            const struct out_store *y = &g_array_index(b->stores, struct out_store, k);

            if (x->place == y->place && x->term->kind == TERM_INT && y->term->kind == TERM_INT &&
                x->term != y->term) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a caller can know by which of the two the function has left. */
static bool told_apart(const struct out *a, const struct out *b)
{
    if (range_disjoint(&a->range, &b->range) || answer_differently(a, b)) {
        return true;
    }
    /* Each returns another object. */
    if (a->result != b->result && (pointer_result(a->result) || pointer_result(b->result))) {
        return true;
    }
    for (guint i = 0; a->conditions && i < a->conditions->len; i++) {
        const struct fact *f = &g_array_index(a->conditions, struct fact, i);

        for (guint k = 0; b->conditions && k < b->conditions->len; k++) {
            const struct fact *g = &g_array_index(b->conditions, struct fact, k);

            if (f->term == g->term && range_disjoint(&f->range, &g->range)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether the two put together would still be told apart from a third. */
static bool told_apart_together(const struct out *a, const struct out *b, const struct out *third)
{
    struct range joined = a->range;

    range_join(&joined, &b->range);
    if (range_disjoint(&joined, &third->range)) {
        return true;
    }
    for (guint i = 0; a->conditions && i < a->conditions->len; i++) {
        const struct fact *f = &g_array_index(a->conditions, struct fact, i);
        const struct fact *g = NULL, *h = NULL;

        for (guint k = 0; b->conditions && k < b->conditions->len; k++) {
            const struct fact *at = &g_array_index(b->conditions, struct fact, k);

            g = at->term == f->term ? at : g;
        }
        for (guint k = 0; third->conditions && k < third->conditions->len; k++) {
            const struct fact *at = &g_array_index(third->conditions, struct fact, k);

            h = at->term == f->term ? at : h;
        }
        joined = f->range;
        if (g && h) {
            range_join(&joined, &g->range);
            if (range_disjoint(&joined, &h->range)) {
                return true;
            }
        }
    }
    return false;
}

static bool loses(const GPtrArray *outs, const struct out *a, const struct out *b)
{
    for (guint i = 0; i < outs->len; i++) {
        const struct out *third = g_ptr_array_index(outs, i);

        if (third != a && third != b && !same_delta(a, third) && told_apart(a, third) &&
            told_apart(b, third) && !told_apart_together(a, b, third)) {
            return true;
        }
    }
    return false;
}

static void group_outs(GPtrArray *outs, bool by_result)
{
    for (guint i = 0; i < outs->len; i++) {
        struct out *out = g_ptr_array_index(outs, i);

        for (guint k = i + 1; k < outs->len;) {
            const struct out *other = g_ptr_array_index(outs, k);
            bool differ = by_result && out->result != other->result &&
                          (pointer_result(out->result) || pointer_result(other->result));

            if (differ || !same_delta(out, other) ||
                (by_result && outs->len <= CAREFUL && loses(outs, out, other))) {
                k++;
                continue;
            }
            merge(out, other);
            g_ptr_array_remove_index(outs, k);
        }
    }
}

/* One object or another of a class, as it was found. */
static bool takes_alike(const struct out *a, const struct out *b, const struct place *place)
{
    const struct lock_class *class = NULL;

    for (guint i = 0; a->acquired && i < a->acquired->len; i++) {
        const struct flow_lock *l = &g_array_index(a->acquired, struct flow_lock, i);

        class = l->place == place ? l->held.class : class;
    }
    for (guint i = 0; class && b->acquired && i < b->acquired->len; i++) {
        if (g_array_index(b->acquired, struct flow_lock, i).held.class == class) {
            return true;
        }
    }
    return false;
}

static bool ambiguous(const GPtrArray *outs, const struct out *out, const struct place *place)
{
    for (guint i = 0; i < outs->len; i++) {
        const struct out *other = g_ptr_array_index(outs, i);

        if (takes_alike(out, other, place)) {
            continue;
        }
        if (delta_of(other, place) != delta_of(out, place) && !told_apart(out, other)) {
            return true;
        }
    }
    return false;
}

static void forget_lock(struct out *out, const struct place *place)
{
    for (guint i = 0; out->acquired && i < out->acquired->len;) {
        if (g_array_index(out->acquired, struct flow_lock, i).place == place) {
            g_array_remove_index(out->acquired, i);
        } else {
            i++;
        }
    }
    for (guint i = 0; out->released && i < out->released->len;) {
        if (g_array_index(out->released, struct gone, i).place == place) {
            g_array_remove_index(out->released, i);
        } else {
            i++;
        }
    }
}

static void find_ambiguous(const GPtrArray *outs, GPtrArray *places)
{
    for (guint i = 0; i < outs->len; i++) {
        const struct out *out = g_ptr_array_index(outs, i);

        for (guint k = 0; out->acquired && k < out->acquired->len; k++) {
            const struct place *place = g_array_index(out->acquired, struct flow_lock, k).place;

            if (ambiguous(outs, out, place)) {
                g_ptr_array_add(places, (gpointer)place);
            }
        }
        for (guint k = 0; out->released && k < out->released->len; k++) {
            const struct place *place = g_array_index(out->released, struct gone, k).place;

            if (ambiguous(outs, out, place)) {
                g_ptr_array_add(places, (gpointer)place);
            }
        }
    }
}

/* A lock that some ways leave with and others without, for no reason that a
 * caller could see, is either a fault of this function, reported here, or held
 * for reasons that are not followed. Callers go on as if it were as before,
 * and what they do wrong on such a path is not held against them. */
static bool drop_ambiguous(GPtrArray *outs)
{
    GPtrArray *places = g_ptr_array_new();
    bool dropped;

    find_ambiguous(outs, places);
    dropped = places->len > 0;
    for (guint p = 0; p < places->len; p++) {
        for (guint i = 0; i < outs->len; i++) {
            forget_lock(g_ptr_array_index(outs, i), g_ptr_array_index(places, p));
        }
    }
    for (guint i = 0; dropped && i < outs->len; i++) {
        struct out *out = g_ptr_array_index(outs, i);

        clear_if_empty(&out->acquired);
        clear_if_empty(&out->released);
        g_clear_pointer(&out->dropped, g_array_unref);
    }
    g_ptr_array_unref(places);
    return dropped;
}

/* Where all ways out do the same, what led to them does not matter. */
void outs_simplify(GPtrArray *outs)
{
    bool same = true;

    group_outs(outs, true);
    bool dropped = drop_ambiguous(outs);

    if (dropped) {
        group_outs(outs, true);
    }
    if (outs->len > OUTS_MAX / 2) {
        group_outs(outs, false);
    }
    if (outs->len > OUTS_MAX) {
        g_ptr_array_set_size(outs, OUTS_MAX);
    }
    for (guint i = 1; i < outs->len; i++) {
        same &= same_delta(g_ptr_array_index(outs, 0), g_ptr_array_index(outs, i));
    }
    for (guint i = 0; same && i < outs->len; i++) {
        struct out *out = g_ptr_array_index(outs, i);

        g_clear_pointer(&out->conditions, g_array_unref);
        g_clear_pointer(&out->dropped, g_array_unref);
        out->coarse = dropped;
    }
}
