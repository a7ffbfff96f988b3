/* Balance: which locks a function leaves with, and whether that is meant.
 *
 * A way out is told by what it changed: a lock more (+1), a lock of the
 * caller's less (-1). What a contract states is compared with it in
 * flow_promise.c. Without a contract, ways out that agree make a lock or unlock function, and ways
 * that differ may be told apart by the caller (a trylock, "0 with the lock held"). So whether a
 * lock that stays is a leak is decided when all functions have been walked: it is none if some
 * caller drops it, or if the function looks like one half of a pair. */
#include <string.h>

#include "flow_exits.h"

enum { WAYS_MAX = 128 };

struct exits *exits_new(struct flow_function *ff)
{
    struct exits *exits = g_new0(struct exits, 1);

    exits->ff = ff;
    exits->ways = g_ptr_array_new();
    return exits;
}

static void clear_array(GArray **array)
{
    g_clear_pointer(array, g_array_unref);
}

static void way_free(struct way *way)
{
    clear_array(&way->locks);
    clear_array(&way->touched);
    clear_array(&way->conditions);
    clear_array(&way->answers);
    g_free(way);
}

void exits_free(void *data)
{
    struct exits *exits = data;

    for (guint i = 0; i < exits->ways->len; i++) {
        way_free(g_ptr_array_index(exits->ways, i));
    }
    g_ptr_array_unref(exits->ways);
    g_free(exits);
}

static bool counts(const struct lock_class *class)
{
    return !class || !class->role;
}

static void add_lock(struct way *way, const struct exit_lock *lock)
{
    g_array_append_vals(way->locks, lock, 1);
}

static gint by_place(gconstpointer left, gconstpointer right)
{
    const struct exit_lock *a = left, *b = right;

    return (a->place->id > b->place->id) - (a->place->id < b->place->id);
}

static bool is_element(const struct place *place)
{
    const struct place *at = place;

    while (at->parent && at->step != IR_STEP_INDEX) {
        at = at->parent;
    }
    return place->opaque || at->parent;
}

static struct way *way_of(const struct flow_state *state, const struct ir_block *block)
{
    const struct ir_function *function = state->walk->function->ir;
    struct way *way = g_new0(struct way, 1);

    way->locks = g_array_new(FALSE, TRUE, sizeof(struct exit_lock));
    way->touched = g_array_new(FALSE, FALSE, sizeof(struct place *));
    way->conditions = g_array_new(FALSE, FALSE, sizeof(struct fact));
    way->answers = g_array_new(FALSE, FALSE, sizeof(struct out_store));
    way->loc = block->loc;
    way->range = state_range(state, state_term(state, block->value));
    way->coarse = state->coarse;
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);
        struct exit_lock lock = {.place = l->place, .class = l->held.class, .delta = 1};

        if (l->held.entry || l->held.asserted || l->retaken || l->bulk || !counts(lock.class)) {
            continue;
        }
        lock.taken = l->held.loc;
        lock.from = l->from;
        lock.exported = !l->place->private;
        lock.place_is_global = l->place->root == PLACE_GLOBAL && l->place->depth == 0;
        lock.element = is_element(l->place);
        add_lock(way, &lock);
    }
    for (guint i = 0; state->released && i < state->released->len; i++) {
        const struct gone *gone = &g_array_index(state->released, struct gone, i);
        struct exit_lock lock = {.place = gone->place, .class = gone->class, .delta = -1};

        if (counts(lock.class)) {
            lock.loc = gone->loc;
            lock.from = gone->from;
            lock.exported = true;
            lock.place_is_global = gone->place->root == PLACE_GLOBAL && gone->place->depth == 0;
            lock.element = is_element(gone->place);
            add_lock(way, &lock);
        }
    }
    g_array_sort(way->locks, by_place);
    for (guint i = 0; state->dropped && i < state->dropped->len; i++) {
        g_array_append_val(way->touched, g_array_index(state->dropped, struct gone, i).place);
    }
    for (guint i = 0; state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);

        if (!f->term->private) {
            g_array_append_vals(way->conditions, f, 1);
        }
    }
    for (guint i = 0; state->env && i < state->env->len; i++) {
        const struct binding *b = &g_array_index(state->env, struct binding, i);
        struct out_store answer = {b->place, b->term};

        if (b->term->kind == TERM_INT && !b->place->private && place_is_memory(b->place)) {
            g_array_append_val(way->answers, answer);
        }
    }
    (void)function;
    return way;
}

static bool same_way(const struct way *a, const struct way *b)
{
    if (a->locks->len != b->locks->len || a->loc.line != b->loc.line ||
        a->loc.column != b->loc.column || a->coarse != b->coarse) {
        return false;
    }
    for (guint i = 0; i < a->locks->len; i++) {
        const struct exit_lock *x = &g_array_index(a->locks, struct exit_lock, i);
        const struct exit_lock *y = &g_array_index(b->locks, struct exit_lock, i);

        if (x->place != y->place || x->delta != y->delta) {
            return false;
        }
    }
    return true;
}

bool way_touched(const struct way *way, const struct place *place)
{
    for (guint i = 0; i < way->touched->len; i++) {
        if (g_array_index(way->touched, const struct place *, i) == place) {
            return true;
        }
    }
    return false;
}

static const struct term *answer_at(const struct way *way, const struct place *place)
{
    for (guint i = 0; i < way->answers->len; i++) {
        const struct out_store *answer = &g_array_index(way->answers, struct out_store, i);

        if (answer->place == place) {
            return answer->term;
        }
    }
    return NULL;
}

static void merge_ways(struct way *way, const struct way *other)
{
    range_join(&way->range, &other->range);
    for (guint i = 0; i < way->conditions->len;) {
        struct fact *f = &g_array_index(way->conditions, struct fact, i);
        const struct fact *same = NULL;

        for (guint k = 0; k < other->conditions->len; k++) {
            const struct fact *g = &g_array_index(other->conditions, struct fact, k);

            same = g->term == f->term ? g : same;
        }
        if (same) {
            range_join(&f->range, &same->range);
            i++;
        } else {
            g_array_remove_index_fast(way->conditions, i);
        }
    }
    for (guint i = 0; i < way->answers->len;) {
        const struct out_store *answer = &g_array_index(way->answers, struct out_store, i);

        if (answer_at(other, answer->place) == answer->term) {
            i++;
        } else {
            g_array_remove_index_fast(way->answers, i);
        }
    }
    for (guint i = 0; i < other->touched->len; i++) {
        const struct place *place = g_array_index(other->touched, const struct place *, i);

        if (!way_touched(way, place)) {
            g_array_append_val(way->touched, place);
        }
    }
}

void exits_add(struct exits *exits, const struct flow_state *state, const struct ir_block *block)
{
    struct way *way = way_of(state, block);

    for (guint i = 0; i < exits->ways->len; i++) {
        struct way *other = g_ptr_array_index(exits->ways, i);

        if (same_way(way, other)) {
            merge_ways(other, way);
            way_free(way);
            return;
        }
    }
    if (exits->ways->len < WAYS_MAX) {
        g_ptr_array_add(exits->ways, way);
    } else {
        way_free(way);
    }
}

const struct exit_lock *way_lock(const struct way *way, const struct place *place)
{
    for (guint i = 0; i < way->locks->len; i++) {
        const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

        if (lock->place == place) {
            return lock;
        }
    }
    return NULL;
}

/* Where a called function takes a lock that it leaves with. */
static void note_callee(struct finding *finding, const struct pfunction *from,
                        const struct lock_class *class)
{
    const struct flow_function *ff = from ? flow_function_of(from) : NULL;

    for (guint i = 0; ff && ff->summary && i < ff->summary->takes->len; i++) {
        const struct take *take = g_ptr_array_index(ff->summary->takes, i);

        if (take->class == class && take->loc.file) {
            note_take_chain(finding, take, from->ir);
            return;
        }
    }
}

void exits_report_leak(struct findings *findings, const struct flow_function *ff,
                       const struct way *way, const struct exit_lock *lock, const char *why)
{
    struct finding *finding =
        findings_add(findings, CHECK_BALANCE, SEVERITY_ERROR, way->loc, ff->function->ir->symbol,
                     "%s returns with '%s' held%s", ff->function->ir->name, lock->text, why);

    if (lock->taken.file) {
        finding_note(finding, lock->taken,
                     lock->from ? "'%s' is taken here, by %s" : "'%s' is taken here", lock->text,
                     lock->from ? lock->from->ir->name : "");
        note_callee(finding, lock->from, lock->class);
    }
}

/* Without a contract. */

static bool contradict(const struct way *a, const struct way *b)
{
    for (guint i = 0; i < a->conditions->len; i++) {
        const struct fact *x = &g_array_index(a->conditions, struct fact, i);

        for (guint k = 0; k < b->conditions->len; k++) {
            const struct fact *y = &g_array_index(b->conditions, struct fact, k);

            if (x->term == y->term && range_disjoint(&x->range, &y->range)) {
                return true;
            }
        }
    }
    return false;
}

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

static bool is_used(const struct flow_function *ff, const struct lock_class *class)
{
    return ff->used && g_ptr_array_find(ff->used, class, NULL);
}

struct doubt {
    struct finding *finding;
    struct pfunction *from;
    const struct lock_class *class;
};

void balance_doubtful(struct flow *flow, struct finding *finding, struct pfunction *from,
                      const struct lock_class *class)
{
    struct doubt *doubt = g_new(struct doubt, 1);

    *doubt = (struct doubt){finding, from, class};
    if (!flow->doubtful) {
        flow->doubtful = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(flow->doubtful, doubt);
}

void exits_finish(struct flow *flow, struct exits *exits, struct findings *findings)
{
    bool matters = false;

    for (guint w = 0; w < exits->ways->len; w++) {
        struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len; i++) {
            struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);
            char *text = place_text(lock->place, exits->ff->function->ir);

            lock->text = g_intern_string(text);
            g_free(text);
            matters = true;
        }
    }
    if (exits->ff->contract == CONTRACT_ANNOTATED) {
        promises_check(flow, exits, findings);
        matters = false;
    } else if (matters && promises_check_required(flow, exits, findings)) {
        matters = false;
    }
    if (!matters) {
        exits_free(exits);
        return;
    }
    if (!flow->exits) {
        flow->exits = g_ptr_array_new_with_free_func(exits_free);
    }
    g_ptr_array_add(flow->exits, exits);
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

/* Per lock: what the ways out do with it. */
struct verdict {
    unsigned plus, minus, none;
};

static struct verdict count_ways(const struct exits *exits, const struct place *place)
{
    struct verdict verdict = {0, 0, 0};

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct exit_lock *lock = way_lock(g_ptr_array_index(exits->ways, w), place);

        if (!lock) {
            verdict.none++;
        } else if (lock->delta > 0) {
            verdict.plus++;
        } else {
            verdict.minus++;
        }
    }
    return verdict;
}

/* Whether all that the function does to a lock of the whole program is to take
 * it (or to drop it, with -1) on some of its ways. */
static bool is_half(const struct exits *exits, const struct exit_lock *lock)
{
    const struct verdict verdict = count_ways(exits, lock->place);
    unsigned with = lock->delta > 0 ? verdict.plus : verdict.minus;

    for (guint w = 0; w < exits->ways->len; w++) {
        if (way_touched(g_ptr_array_index(exits->ways, w), lock->place)) {
            return false;
        }
    }
    return lock->place_is_global && verdict.none > 0 &&
           with + verdict.none == verdict.plus + verdict.minus + verdict.none;
}

/* "if (threaded) lock();" here and "if (threaded) unlock();" in another
 * function: both halves are there, and the condition is not followed. */
static bool has_other_half(const struct flow *flow, const struct exits *exits,
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
static GHashTable *find_counterparts(const struct flow *flow)
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

static bool two_in_one(const struct exits *exits, const struct way *way,
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
            const struct term *answer = answer_at(way, flag);

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
static bool is_told_by_flag(const struct exits *exits, const struct lock_class *class)
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
static bool meant(const struct exits *exits, const struct way *way, const struct exit_lock *lock,
                  GHashTable *counterparts)
{
    const struct flow_function *ff = exits->ff;
    struct verdict verdict = count_ways(exits, lock->place);
    bool pair = g_hash_table_contains(counterparts, lock->class);
    bool told_apart = true, untouched = true, success = true;

    if (is_used(ff, lock->class) || two_in_one(exits, way, lock) ||
        is_told_by_flag(exits, lock->class)) {
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
    if (verdict.none == 0 && verdict.minus == 0) {
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
        told_apart &= results || contradict(way, other);
        untouched &= !way_touched(other, lock->place);
        success &= results && looks_like_success(ff, &way->range, &other->range);
    }
    return told_apart && ((untouched && pair) || (success && pair));
}

static bool same_line(const struct way *a, const struct way *b)
{
    return a->loc.line == b->loc.line && a->loc.file == b->loc.file;
}

/* One finding for a class and a return. */
static bool said_before(const struct exits *exits, guint way, guint number)
{
    const struct way *at = g_ptr_array_index(exits->ways, way);
    const struct exit_lock *lock = &g_array_index(at->locks, struct exit_lock, number);

    for (guint w = 0; w <= way; w++) {
        const struct way *other = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < other->locks->len && (w < way || i < number); i++) {
            const struct exit_lock *same = &g_array_index(other->locks, struct exit_lock, i);

            if (same->delta == lock->delta && same->class == lock->class && !other->coarse &&
                same_line(at, other)) {
                return true;
            }
        }
    }
    return false;
}

static const struct exit_lock *taken_elsewhere(const struct exits *exits,
                                               const struct exit_lock *lock)
{
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct exit_lock *same = way_lock(g_ptr_array_index(exits->ways, w), lock->place);

        if (same && same->delta > 0) {
            return same;
        }
    }
    return NULL;
}

static bool touched_elsewhere(const struct exits *exits, const struct exit_lock *lock)
{
    for (guint w = 0; w < exits->ways->len; w++) {
        if (way_touched(g_ptr_array_index(exits->ways, w), lock->place)) {
            return true;
        }
    }
    return false;
}

static const struct take *own_take(const struct flow_function *ff, const struct exit_lock *lock)
{
    for (guint i = 0; ff->summary && i < ff->summary->takes->len; i++) {
        const struct take *take = g_ptr_array_index(ff->summary->takes, i);

        if (take->class == lock->class && take->loc.file && !take->retake) {
            return take;
        }
    }
    return NULL;
}

static void report_not_taken(const struct exits *exits, const struct way *way,
                             const struct exit_lock *lock, struct findings *findings)
{
    const struct exit_lock *taken = taken_elsewhere(exits, lock);
    const struct take *take = own_take(exits->ff, lock);
    struct finding *finding = findings_add(
        findings, CHECK_DOUBLE_RELEASE, SEVERITY_ERROR, lock->loc, exits->ff->function->ir->symbol,
        "'%s' is released, but there is a path to here that does not take it", lock->text);

    if (taken && taken->taken.file) {
        finding_note(finding, taken->taken, "'%s' is taken here, on another path", lock->text);
    } else if (take) {
        finding_note(finding, take->loc, "'%s' is taken here, on another path", lock->text);
    }
    finding_note(finding, way->loc, "the path ends here");
}

/* Some ways release a lock of the caller's. */
static bool judge_release(struct exits *exits, const struct way *way, const struct exit_lock *lock,
                          bool leaks, struct findings *findings)
{
    struct verdict verdict = count_ways(exits, lock->place);
    bool taken = taken_elsewhere(exits, lock) || touched_elsewhere(exits, lock);

    if (verdict.none == 0 && verdict.plus == 0) {
        /* The function drops it always. Beside a lock that stays, it is the
         * wrong one. */
        if (leaks && exits->ff->function->callers->len == 0) {
            report_not_taken(exits, way, lock, findings);
            return true;
        }
        return false;
    }
    if (taken) {
        report_not_taken(exits, way, lock, findings);
        return true;
    }
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *other = g_ptr_array_index(exits->ways, w);
        struct finding *finding;

        if (way_lock(other, lock->place) || other->coarse ||
            range_disjoint(&way->range, &other->range) || contradict(way, other)) {
            continue;
        }
        finding = findings_add(findings, CHECK_BALANCE, SEVERITY_ERROR, other->loc,
                               exits->ff->function->ir->symbol,
                               "%s returns with the caller's '%s' still held, which another path "
                               "releases",
                               exits->ff->function->ir->name, lock->text);
        finding_note(finding, lock->loc, "'%s' is released here", lock->text);
        return true;
    }
    return false;
}

static bool judge(const struct flow *flow, struct exits *exits, GHashTable *counterparts,
                  struct findings *findings)
{
    bool leaks = false;

    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len && !way->coarse; i++) {
            const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

            if (lock->delta < 0 || (exits->ff->bulk && lock->element) ||
                meant(exits, way, lock, counterparts) || has_other_half(flow, exits, lock)) {
                continue;
            }
            leaks = true;
            if (!said_before(exits, w, i)) {
                exits_report_leak(findings, exits->ff, way, lock, "");
            }
        }
    }
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len && !way->coarse; i++) {
            const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

            if (lock->delta < 0 && !exits->ff->root && !exits->ff->fork &&
                !two_in_one(exits, way, lock) && !is_told_by_flag(exits, lock->class) &&
                !has_other_half(flow, exits, lock) && !(exits->ff->bulk && lock->element)) {
                (void)judge_release(exits, way, lock, leaks, findings);
            }
        }
    }
    return leaks;
}

/* A lock that a function leaves with because one that it called did is the
 * callee's only if the callee is meant to, and then, if its own caller drops
 * it, the callee's use is shown as well. */
static void spread_use(const struct flow *flow)
{
    bool changed = true;

    for (int round = 0; changed && round < 16; round++) {
        changed = false;
        for (guint e = 0; e < flow->exits->len; e++) {
            const struct exits *exits = g_ptr_array_index(flow->exits, e);

            for (guint w = 0; w < exits->ways->len; w++) {
                const struct way *way = g_ptr_array_index(exits->ways, w);

                for (guint i = 0; i < way->locks->len; i++) {
                    const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

                    if (lock->delta > 0 && lock->from && is_used(exits->ff, lock->class) &&
                        !is_used(flow_function_of(lock->from), lock->class)) {
                        balance_used(lock->from, lock->class);
                        changed = true;
                    }
                }
            }
        }
    }
}

/* Whose callee leaks is not itself to blame. */
static bool callee_leaks(const struct flow *flow, const struct exits *exits)
{
    for (guint w = 0; w < exits->ways->len; w++) {
        const struct way *way = g_ptr_array_index(exits->ways, w);

        for (guint i = 0; i < way->locks->len; i++) {
            const struct exit_lock *lock = &g_array_index(way->locks, struct exit_lock, i);

            if (lock->delta < 0 || !lock->from) {
                return false;
            }
            bool leaky = false;

            for (guint e = 0; e < flow->exits->len && !leaky; e++) {
                const struct exits *other = g_ptr_array_index(flow->exits, e);

                leaky = other->reported && other->ff->function == lock->from;
            }
            if (!leaky) {
                return false;
            }
        }
    }
    return true;
}

static void drop_doubtful(struct flow *flow, struct findings *findings)
{
    for (guint d = 0; flow->doubtful && d < flow->doubtful->len; d++) {
        const struct doubt *doubt = g_ptr_array_index(flow->doubtful, d);

        for (guint e = 0; e < flow->exits->len; e++) {
            const struct exits *exits = g_ptr_array_index(flow->exits, e);

            if (exits->reported && exits->ff->function == doubt->from) {
                g_hash_table_remove(findings->seen, doubt->finding);
                g_ptr_array_remove(findings->list, doubt->finding);
                break;
            }
        }
    }
}

void report_balance(struct flow *flow, struct findings *findings)
{
    GHashTable *counterparts;

    proxies_report(flow, findings);
    if (!flow->exits) {
        return;
    }
    counterparts = find_counterparts(flow);
    spread_use(flow);
    /* Functions stand here callees first or not; a callee that leaks is found
     * before its callers are judged by going round twice. */
    for (int round = 0; round < 2; round++) {
        for (guint e = 0; e < flow->exits->len; e++) {
            struct exits *exits = g_ptr_array_index(flow->exits, e);
            bool through = false;

            for (guint w = 0; w < exits->ways->len && !through; w++) {
                const struct way *way = g_ptr_array_index(exits->ways, w);

                for (guint i = 0; i < way->locks->len; i++) {
                    through |= g_array_index(way->locks, struct exit_lock, i).delta > 0 &&
                               g_array_index(way->locks, struct exit_lock, i).from;
                }
            }
            if (through == (round == 1) && !callee_leaks(flow, exits)) {
                exits->reported = judge(flow, exits, counterparts, findings);
            }
        }
    }
    drop_doubtful(flow, findings);
    g_hash_table_unref(counterparts);
}
