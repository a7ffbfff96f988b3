/* Balance: locks that a function leaves with, or drops, and should not.
 *
 * A way out is told by what it changed: a lock more (+1), a lock of the
 * caller's less (-1). What a contract states is compared with it in
 * flow_promise.c; without one, flow_intent.c tells what is meant. That takes
 * the other functions, so it is decided when all have been walked. */
#include "flow_exits.h"

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
    struct way_count count = exits_count(exits, lock->place);
    bool taken = taken_elsewhere(exits, lock) || touched_elsewhere(exits, lock);

    if (count.none == 0 && count.plus == 0) {
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
            range_disjoint(&way->range, &other->range) || way_contradicts(way, other)) {
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
                exits_mean(exits, way, lock, counterparts) ||
                exits_have_other_half(flow, exits, lock)) {
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
                !exits_are_two_in_one(exits, way, lock) &&
                !exits_tell_by_flag(exits, lock->class) &&
                !exits_have_other_half(flow, exits, lock) && !(exits->ff->bulk && lock->element)) {
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

                    if (lock->delta > 0 && lock->from && balance_is_used(exits->ff, lock->class) &&
                        !balance_is_used(flow_function_of(lock->from), lock->class)) {
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
    counterparts = balance_counterparts(flow);
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
