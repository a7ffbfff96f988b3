/* Whether a function that has no contract means to leave with a lock changed.
 *
 * Ways out that agree make a lock or unlock function, and ways that differ may
 * be told apart by the caller (a trylock, "0 with the lock held"). A lock that
 * stays is meant if some caller drops it, or if the function looks like one
 * half of a pair. */
#include <string.h>

#include "flow_exits.h"

void balance_used(struct pfunction *from, const struct lock_class *class)
{
    struct flow_function *ff = flow_function_of(from);

    if (!ff) {
        return;
    }
    if (!ff->used) {
        ff->used = g_ptr_array_new();
    }
    if (!g_ptr_array_find(ff->used, class, NULL)) {
        g_ptr_array_add(ff->used, (gpointer) class);
    }
}

bool balance_is_used(const struct flow_function *ff, const struct lock_class *class)
{
    return ff->used && g_ptr_array_find(ff->used, class, NULL);
}

/* Results that mean failure, seen beside those of the other ways. */
static bool looks_like_success(const struct flow_function *ff, const struct range *with,
                               const struct range *without)
{
    if (!ff->function->ir->returns_value && !ff->function->ir->returns_pointer) {
        return false;
    }
    if (ff->function->ir->returns_pointer) {
        return !range_has(with, 0);
    }
    if (with->lo == 0 && with->hi == 0) {
        /* 0 beside 1 is false beside true. */
        return !(without->lo == 1 && without->hi == 1);
    }
    return with->lo >= 0 && !range_has(with, 0);
}

struct way_count exits_count(const struct exits *exits, const struct place *place)
{
    struct way_count count = {0, 0, 0};

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct exit_lock *lock = way_lock(g_ptr_array_index(exits->ways, w), place);

        if (!lock) {
            count.none++;
        } else if (lock->delta > 0) {
            count.plus++;
        } else {
            count.minus++;
        }
    }
    return count;
}

/* Whether all that the function does to a lock of the whole program is to take
 * it (or to drop it, with -1) on some of its ways. */
static bool is_half(const struct exits *exits, const struct exit_lock *lock)
{
    const struct way_count count = exits_count(exits, lock->place);
    unsigned with = lock->delta > 0 ? count.plus : count.minus;

    for (guint w = 0; w < exits->ways->len; w++) {
        if (way_touched(g_ptr_array_index(exits->ways, w), lock->place)) {
            return false;
        }
    }
    return lock->place_is_global && count.none > 0 &&
           with + count.none == count.plus + count.minus + count.none;
}

/* "if (threaded) lock();" here and "if (threaded) unlock();" in another
 * function: both halves are there, and the condition is not followed. */
bool exits_have_other_half(const struct flow *flow, const struct exits *exits,
                           const struct exit_lock *lock)
{
    if (!is_half(exits, lock)) {
        return false;
    }
    for (guint e = 0; e < flow->exits->len; e++) {
        const struct exits *other = g_ptr_array_index(flow->exits, e);

        for (guint w = 0; w < other->ways->len; w++) {
            const struct way *way = g_ptr_array_index(other->ways, w);

            for (guint i = 0; i < way->locks->len; i++) {
                const struct exit_lock *half = &g_array_index(way->locks, struct exit_lock, i);

                if (half->class == lock->class && half->delta == -lock->delta &&
                    is_half(other, half)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Classes that some function releases for its callers. */
GHashTable *balance_counterparts(const struct flow *flow)
{
    GHashTable *classes = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < flow->functions->len; i++) {
        const struct flow_function *ff = g_ptr_array_index(flow->functions, i);

        for (guint o = 0; ff->summary && o < ff->summary->outs->len; o++) {
            const struct out *out = g_ptr_array_index(ff->summary->outs, o);

            for (guint k = 0; out->released && !out->acquired && k < out->released->len; k++) {
                g_hash_table_add(classes,
                                 (gpointer)g_array_index(out->released, struct gone, k).class);
            }
        }
    }
    return classes;
}

static bool named_for_it(const char *name)
{
    static const char *const words[] = {
        "lock", "acquire", "enter", "begin",   "start", "hold",  "take",    "grab",  "get", "push",
        "open", "prepare", "block", "suspend", "pause", "guard", "reserve", "claim", "pin"};
    char *lower = g_ascii_strdown(name, -1);
    bool found = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(words) && !found; i++) {
        found = strstr(lower, words[i]) != NULL;
    }
    g_free(lower);
    return found;
}

/* Takes or drops as it is told by an argument. */
static bool told_by_argument(const struct way *a, const struct way *b)
{
    for (guint i = 0; i < a->conditions->len; i++) {
        const struct fact *x = &g_array_index(a->conditions, struct fact, i);
        bool argument = x->term->kind == TERM_VALUE && !x->term->place->parent &&
                        x->term->place->root == PLACE_PARAM;

        for (guint k = 0; argument && k < b->conditions->len; k++) {
            const struct fact *y = &g_array_index(b->conditions, struct fact, k);

            if (x->term == y->term && range_disjoint(&x->range, &y->range)) {
                return true;
            }
        }
    }
    return false;
}

bool exits_are_two_in_one(const struct exits *exits, const struct way *way,
                          const struct exit_lock *lock)
{
    bool opposite = false;

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *other = g_ptr_array_index(exits->ways, w);
        const struct exit_lock *same = way_lock(other, lock->place);

        if (same && same->delta != lock->delta) {
            if (!told_by_argument(way, other)) {
                return false;
            }
            opposite = true;
        }
    }
    return opposite;
}

/* The way leaves with the lock, or with one of the class that it has found in
 * another place. */
static bool keeps(const struct way *way, const struct exit_lock *lock)
{
    for (guint i = 0; i < way->locks->len; i++) {
        const struct exit_lock *other = &g_array_index(way->locks, struct exit_lock, i);

        if (other->delta > 0 && (other->place == lock->place || other->class == lock->class)) {
            return true;
        }
    }
    return false;
}

/* Whether a flag was found set, or found clear; in between it is not known. */
static bool found_as(const struct way *way, const struct place *flag, bool set)
{
    for (guint i = 0; i < way->conditions->len; i++) {
        const struct fact *f = &g_array_index(way->conditions, struct fact, i);

        if (f->term->kind == TERM_VALUE && f->term->place == flag) {
            return set ? !range_has(&f->range, 0) : f->range.lo == 0 && f->range.hi == 0;
        }
    }
    return false;
}

/* Whether the flag tells for the lock's class: set by each way that keeps it,
 * and found set by each that drops one of before. */
static bool is_flag(const struct exits *exits, const struct place *flag,
                    const struct lock_class *class)
{
    bool kept = false, dropped = false;

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len; i++) {
            const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);
            const struct term *answer = way_answer(way, flag);

            if (lock->class != class) {
                continue;
            }
            if (lock->delta > 0 ? !answer || answer->number == 0 : !found_as(way, flag, true)) {
                return false;
            }
            kept |= lock->delta > 0;
            dropped |= lock->delta < 0;
        }
    }
    return kept && dropped;
}

/* "it->locked": the function goes on where it stopped the last time. */
bool exits_tell_by_flag(const struct exits *exits, const struct lock_class *class)
{
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->answers->len; i++) {
            if (is_flag(exits, g_array_index(way->answers, struct out_store, i).place, class)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a way out with the lock is meant, as seen beside all others. */
bool exits_mean(const struct exits *exits, const struct way *way, const struct exit_lock *lock,
                GHashTable *counterparts)
{
    const struct flow_function *ff = exits->ff;
    struct way_count count = exits_count(exits, lock->place);
    bool pair = g_hash_table_contains(counterparts, lock->class);
    bool told_apart = true, untouched = true, success = true;

    if (balance_is_used(ff, lock->class) || exits_are_two_in_one(exits, way, lock) ||
        exits_tell_by_flag(exits, lock->class)) {
        return true;
    }
    if (!lock->exported && !(ff->function->ir->returns_pointer && pair)) {
        return false;
    }
    if (ff->fork) {
        return true;
    }
    if (ff->root) {
        return false;
    }
    if (count.none == 0 && count.minus == 0) {
        /* Callers there are, and none drops it: theirs is the fault only if
         * the name says what the function does. */
        return pair && (ff->function->callers->len == 0 || named_for_it(ff->function->ir->name));
    }
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *other = g_ptr_array_index(exits->ways, w);
        bool results;

        if (keeps(other, lock)) {
            continue;
        }
        results = range_disjoint(&way->range, &other->range);
        told_apart &= results || way_contradicts(way, other);
        untouched &= !way_touched(other, lock->place);
        success &= results && looks_like_success(ff, &way->range, &other->range);
    }
    return told_apart && ((untouched && pair) || (success && pair));
}
