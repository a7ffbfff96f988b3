/* Takes and waits: the locks that a function takes, and the waits in it, by
 * itself or through what it calls. Invariant: their number is bounded; what
 * differs only in the conditions under which it happens is one, under what
 * holds for both. */
#include "flow_internal.h"

enum { TAKES_MAX = 400, FAR = 8, WAITS_MAX = 64 };

static guint take_hash(gconstpointer key)
{
    const struct take *take = key;
    uintptr_t sum = (uintptr_t)take->place * 31 + (uintptr_t)take->class;

    sum = sum * 31 + (uintptr_t)take->without[0] + (uintptr_t)take->mode * 8 +
          (uintptr_t)take->trylock * 4 + (uintptr_t)take->retake * 2 + take->grace +
          (uintptr_t)take->dying * 16;
    return (guint)(sum ^ (sum >> 32));
}

static gboolean take_equal(gconstpointer left, gconstpointer right)
{
    const struct take *a = left, *b = right;

    return a->place == b->place && a->class == b->class && a->mode == b->mode &&
           a->trylock == b->trylock && a->under == b->under && a->retake == b->retake &&
           a->dying == b->dying && a->grace == b->grace && a->without[0] == b->without[0] &&
           a->without[1] == b->without[1];
}

/* Keeps of the premises what holds for both. */
static void join_premises(struct flow *flow, struct premise *premises, const struct premise *others)
{
    for (unsigned i = 0; i < PREMISES; i++) {
        const struct premise *same = NULL;
        struct range joined = premises[i].range;

        for (unsigned k = 0; premises[i].term && k < PREMISES; k++) {
            same = others[k].term == premises[i].term ? &others[k] : same;
        }
        if (!premises[i].term) {
            continue;
        }
        if (same) {
            range_join(&joined, &same->range);
        }
        if (!same || range_is_any(&joined)) {
            premises[i].term = NULL;
            flow->widened++;
        } else if (joined.lo != premises[i].range.lo || joined.hi != premises[i].range.hi ||
                   joined.ne_count != premises[i].range.ne_count) {
            premises[i].range = joined;
            flow->widened++;
        }
    }
}

static bool about_entry(const struct term *term)
{
    return !term->private && term->kind == TERM_VALUE;
}

/* Conditions on parameters first: callers know most of these. */
static void read_premises(const struct flow_state *state, struct premise *premises)
{
    unsigned count = 0;

    for (int memory = 0; memory < 2; memory++) {
        for (guint i = 0; state->facts && i < state->facts->len && count < PREMISES; i++) {
            const struct fact *f = &g_array_index(state->facts, struct fact, i);

            if (about_entry(f->term) && place_is_memory(f->term->place) == (memory == 1)) {
                premises[count++] = (struct premise){f->term, f->range};
            }
        }
    }
}

/* The callee's, as the caller names them, come first; the caller's own fill up. */
static void merge_premises(const struct flow_state *state, struct premise *premises)
{
    struct premise own[PREMISES] = {{0}};
    unsigned count = 0;

    for (unsigned i = 0; i < PREMISES; i++) {
        if (premises[i].term && about_entry(premises[i].term)) {
            premises[count++] = premises[i];
        }
    }
    read_premises(state, own);
    for (unsigned i = 0; i < PREMISES && count < PREMISES; i++) {
        bool known = !own[i].term;

        for (unsigned k = 0; k < count; k++) {
            known |= premises[k].term == own[i].term;
        }
        if (!known) {
            premises[count++] = own[i];
        }
    }
    for (; count < PREMISES; count++) {
        premises[count].term = NULL;
    }
}

GHashTable *take_index_new(void)
{
    return g_hash_table_new(take_hash, take_equal);
}

struct take *summary_add_take(struct flow *flow, struct summary *summary, const struct take *take)
{
    struct take wanted = *take, *added;

    /* Too many, or too far from what callers have names for: only by class. */
    if ((summary->takes->len >= TAKES_MAX / 2 || (wanted.place && wanted.place->depth > FAR)) &&
        wanted.class) {
        wanted.place = NULL;
        wanted.without[0] = wanted.without[1] = NULL;
    }
    added = g_hash_table_lookup(summary->take_index, &wanted);
    if (!added && wanted.dying) {
        /* Where a function takes it anyway, that it does so in the end as well
         * tells nothing more. */
        wanted.dying = false;
        if (g_hash_table_contains(summary->take_index, &wanted)) {
            return NULL;
        }
        wanted.dying = true;
    }
    if (added) {
        join_premises(flow, added->premises, wanted.premises);
        return NULL;
    }
    if (summary->takes->len >= TAKES_MAX) {
        return NULL;
    }
    added = g_memdup2(&wanted, sizeof wanted);
    g_ptr_array_add(flow->takes, added);
    g_ptr_array_add(summary->takes, added);
    g_hash_table_add(summary->take_index, added);
    return added;
}

struct wait *summary_add_wait(struct flow *flow, struct summary *summary, const struct wait *wait)
{
    struct wait *added;

    for (guint i = 0; i < summary->waits->len; i++) {
        struct wait *other = g_ptr_array_index(summary->waits, i);

        if (other->thread == wait->thread && other->place == wait->place &&
            other->class == wait->class && other->held == wait->held &&
            other->condition == wait->condition && other->without[0] == wait->without[0]) {
            join_premises(flow, other->premises, wait->premises);
            return NULL;
        }
    }
    if (summary->waits->len >= WAITS_MAX) {
        return NULL;
    }
    added = g_memdup2(wait, sizeof *wait);
    g_ptr_array_add(flow->waits, added);
    g_ptr_array_add(summary->waits, added);
    return added;
}

static void without(const struct flow_state *state, const struct place *without[2])
{
    unsigned n = 0;

    for (guint i = 0; state->released && i < state->released->len && n < 2; i++) {
        const struct place *place = g_array_index(state->released, struct gone, i).place;

        place = summary_place(state->walk->flow, place, NULL);
        if (place && place != without[0]) {
            without[n++] = place;
        }
    }
}

/* The callee's, as callers name them, or else those of this function. */
static void export_without(const struct flow_state *state, const struct place *places[2])
{
    places[0] = summary_place(state->walk->flow, places[0], NULL);
    places[1] = summary_place(state->walk->flow, places[1], NULL);
    if (!places[0]) {
        places[1] = NULL;
        without(state, places);
    }
}

/* Whether the function has taken a lock that stands between those of its
 * callers and the next. */
static bool holds_more(const struct flow_state *state)
{
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (!l->held.entry && !l->held.asserted && lock_orders(l)) {
            return true;
        }
    }
    return false;
}

bool lock_orders(const struct flow_lock *l)
{
    return l->held.class && !l->held.class->role && !l->held.class->rcu && !l->trylock &&
           l->held.mode == RULE_EXCLUSIVE;
}

void summary_note(struct walk *walk, const struct flow_state *state, const struct effect *effect)
{
    struct flow *flow = walk->flow;

    for (guint i = 0; i < effect->takes->len; i++) {
        struct take take = *(const struct take *)g_ptr_array_index(effect->takes, i);

        take.retake |= take.place && gone_find(state->released, take.place);
        take.under |= holds_more(state);
        merge_premises(state, take.premises);
        take.place = summary_place(flow, take.place, NULL);
        export_without(state, take.without);
        if (take.place || take.class) {
            (void)summary_add_take(flow, walk->summary, &take);
        }
    }
    for (guint i = 0; i < effect->waits->len; i++) {
        struct wait wait = *(const struct wait *)g_ptr_array_index(effect->waits, i);
        const struct flow_lock *l =
            wait.place ? state_find_lock(state, wait.place, RULE_EXCLUSIVE) : NULL;

        wait.held |= l && !l->held.asserted;
        merge_premises(state, wait.premises);
        wait.place = summary_place(flow, wait.place, NULL);
        export_without(state, wait.without);
        (void)summary_add_wait(flow, walk->summary, &wait);
    }
}
