/* Taking and dropping locks in a state. Invariant: a lock place is in at most
 * one of `locks` (held), `released` (was the caller's) and `dropped` (taken
 * here before) of one state. */
#include "flow_internal.h"

struct flow_lock *state_find_lock(const struct flow_state *state, const struct place *place,
                                  enum rule_mode mode)
{
    struct flow_lock *found = NULL;

    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (l->place == place && (!found || l->held.mode == mode)) {
            found = l;
        }
    }
    return found;
}

static void keep_facts(struct flow_state *state, bool kept)
{
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        g_array_index(state->facts, struct fact, i).kept = kept;
    }
}

/* Whether the function leaves nothing changed as it is now. */
static bool balanced(const struct flow_state *state)
{
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (!l->held.entry && !l->held.asserted && !l->retaken) {
            return false;
        }
    }
    return !state->released || state->released->len == 0;
}

enum { LOCKS_MAX = 64, COUNT_MAX = 16 };

static bool more_often(struct flow_state *state, const struct flow_lock *lock)
{
    struct flow_lock *l = state_find_lock(state, lock->place, lock->held.mode);

    /* A reader that takes it for writing has it twice. */
    if (!l || l->held.mode != lock->held.mode) {
        return false;
    }
    if (l->held.asserted && !lock->held.asserted) {
        return true;
    }
    /* Taking a plain lock twice is reported; from there on it counts once. */
    if (l->held.class && l->held.class->recursion != LOCK_PLAIN && l->held.count < COUNT_MAX) {
        l->held.count++;
    }
    if (l->held.class && l->held.class->role) {
        l->held.count = MIN(l->held.count + 1, COUNT_MAX);
    }
    return true;
}

void state_acquire(struct flow_state *state, const struct flow_lock *lock)
{
    struct gone *gone;
    struct flow_lock taken = *lock;

    if (!lock->place || more_often(state, lock)) {
        return;
    }
    if (!state->locks) {
        state->locks = g_array_new(FALSE, FALSE, sizeof(struct flow_lock));
    }
    taken.held.path = (struct ir_path *)place_path(lock->place);
    taken.held.count = MAX(lock->held.count, 1u);
    gone = gone_find(state->released, lock->place);
    if (gone) {
        taken.retaken = true;
        gone_remove(state->released, gone);
    }
    gone_remove(state->dropped, gone_find(state->dropped, lock->place));
    if (state->locks->len < LOCKS_MAX) {
        g_array_append_val(state->locks, taken);
    }
    keep_facts(state, !balanced(state));
}

bool state_release(struct flow_state *state, const struct gone *gone)
{
    struct flow_lock *l;

    if (!gone->place) {
        return true;
    }
    l = state_lock_of_release(state, gone);
    if (l) {
        if (l->held.count > 1) {
            l->held.count--;
            return true;
        }
        bool callers = l->held.entry || l->retaken;
        bool asserted = l->held.asserted;
        struct gone named = *gone;

        named.place = l->place;
        named.taken = l->held.loc;
        g_array_remove_index(state->locks,
                             (guint)(l - (struct flow_lock *)(void *)state->locks->data));
        if (callers || asserted) {
            gone_remember(&state->released, &named);
        } else {
            gone_remember(&state->dropped, &named);
        }
        keep_facts(state, !balanced(state));
        return true;
    }
    if (gone_find(state->released, gone->place) || gone_find(state->dropped, gone->place)) {
        return false;
    }
    const struct place *root = place_root_of(gone->place);

    if (root->root == PLACE_LOCAL && gone->place == root) {
        return false;
    }
    if (root->root == PLACE_PARAM || root->root == PLACE_GLOBAL) {
        gone_remember(&state->released, gone);
        keep_facts(state, true);
    }
    return true;
}

/* False if it cannot be told apart from others any more. */
static bool age_lock(struct flow_state *state, struct flow_lock *l, uint32_t number)
{
    const struct place *place = place_age(state->walk->places, l->place, number);
    bool known;

    if (place == l->place) {
        return true;
    }
    known = place && state_leads_to(state, place);
    state->walk->ff->bulk |= !known;
    if (!place || state_find_lock(state, place, RULE_ANY)) {
        return false;
    }
    l->place = place;
    l->held.path = (struct ir_path *)place_path(place);
    l->bulk |= !known;
    return true;
}

void state_age_locks(struct flow_state *state, uint32_t number)
{
    for (guint i = 0; state->locks && i < state->locks->len;) {
        if (age_lock(state, &g_array_index(state->locks, struct flow_lock, i), number)) {
            i++;
        } else {
            g_array_remove_index(state->locks, i);
        }
    }
    state->walk->ff->bulk |= gone_forget(state->released, number);
    gone_forget(state->dropped, number);
}

uint32_t flow_held_count(const struct flow_state *state)
{
    return state->locks ? state->locks->len : 0;
}

const struct held *flow_held(const struct flow_state *state, uint32_t number)
{
    return number < flow_held_count(state)
               ? &g_array_index(state->locks, struct flow_lock, number).held
               : NULL;
}

const struct held *flow_find(const struct flow_state *state, const struct ir_path *path)
{
    const struct place *place = state_lock_place(state, path);
    const struct flow_lock *l = place ? state_find_lock(state, place, RULE_EXCLUSIVE) : NULL;

    return l ? &l->held : NULL;
}

const struct held *flow_find_class(const struct flow_state *state, const struct lock_class *class)
{
    const struct held *found = NULL;

    for (guint i = 0; class && i < flow_held_count(state); i++) {
        const struct held *held = flow_held(state, i);

        if (held && held->class == class && (!found || held->mode == RULE_EXCLUSIVE)) {
            found = held;
        }
    }
    return found;
}

struct ir_path *flow_resolve(const struct flow_state *state, const struct ir_path *path)
{
    const struct place *place = state_place(state, path);

    return place ? ir_path_copy(place_path(place)) : ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
}
