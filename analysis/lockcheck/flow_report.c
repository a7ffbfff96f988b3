/* What a walk with all summaries at hand finds wrong at calls: a lock taken
 * that is held, released that is not, keys out of order, waits. Balance at
 * the returns is collected here and judged in flow_balance.c. */
#include <string.h>

#include "flow_internal.h"

void note_take_chain(struct finding *finding, const struct take *take,
                     const struct ir_function *function)
{
    for (; take; take = take->inner) {
        char *text = take->place ? place_text(take->place, take->function->ir) : NULL;
        const char *lock = text ? text : take->class ? take->class->name : "the lock";

        if (!take->loc.file) {
            /* A contract: there is no more to show. */
        } else if (take->callee && !take->grace) {
            finding_note(finding, take->loc, take->inner ? "%s calls %s" : "%s takes '%s' by %s",
                         take->function->ir->name, take->inner ? take->callee : lock, take->callee);
        } else if (take->grace) {
            finding_note(finding, take->loc, "%s waits for readers here", take->function->ir->name);
        } else {
            finding_note(finding, take->loc, "%s takes '%s' here", take->function->ir->name, lock);
        }
        g_free(text);
    }
    (void)function;
}

static bool is_under(const struct place *place, const struct place *base)
{
    for (; place; place = place->parent) {
        if (place == base) {
            return true;
        }
    }
    return false;
}

/* What an operand of a comparison has to do with a lock's object. */
static bool about(const struct term *term, const struct place *base)
{
    if (term == base->key && term) {
        return true;
    }
    if (!term || !term->place) {
        return false;
    }
    if (base->parent && base->step == IR_STEP_DEREF && term->kind == TERM_VALUE &&
        term->place == base->parent) {
        return true;
    }
    return is_under(term->place, base);
}

static bool same_step(const struct place *a, const struct place *b)
{
    return a->step == b->step && a->key == b->key && a->name == b->name;
}

/* "i" and "i + 1". */
static int text_order(const char *first, const char *second)
{
    gsize length;

    if (!first || !second) {
        return 0;
    }
    length = strlen(first);
    if (g_str_has_prefix(second, first) && g_str_has_prefix(second + length, " + ") &&
        g_ascii_isdigit(second[length + 3])) {
        return 1;
    }
    length = strlen(second);
    if (g_str_has_prefix(first, second) && g_str_has_prefix(first + length, " + ") &&
        g_ascii_isdigit(first[length + 3])) {
        return -1;
    }
    return 0;
}

static const char *key_text(const struct place *place)
{
    if (place->key && place->key->kind == TERM_VALUE && place->key->place->parent == NULL) {
        return NULL; /* its name is looked up by the caller, who has the function */
    }
    return place->name;
}

static bool is_zero(const struct term *key)
{
    return key && key->kind == TERM_INT && key->number == 0;
}

static int index_order(const struct flow_state *state, const struct place *a, const struct place *b)
{
    int64_t x, y;
    struct range first, second;

    if (a->step != IR_STEP_INDEX || b->step != IR_STEP_INDEX || a->parent != b->parent) {
        return 0;
    }
    first = state_range(state, a->key);
    second = state_range(state, b->key);
    if (a->key && b->key && (first.hi < second.lo || second.hi < first.lo)) {
        x = first.lo;
        y = second.lo;
        return x < y ? 1 : -1;
    }
    /* Nothing of an array comes before its first. */
    if (!(a->parent->parent && a->parent->step == IR_STEP_DEREF) &&
        (is_zero(a->key) || is_zero(b->key))) {
        return is_zero(a->key) ? 1 : -1;
    }
    char *named = a->key && a->key->kind == TERM_VALUE
                      ? place_text(a->key->place, state->walk->function->ir)
                      : g_strdup(key_text(a));
    char *other = b->key && b->key->kind == TERM_VALUE
                      ? place_text(b->key->place, state->walk->function->ir)
                      : g_strdup(key_text(b));
    int order = text_order(named, other);

    g_free(named);
    g_free(other);
    return order;
}

int places_order(const struct flow_state *state, const struct place *first,
                 const struct place *second)
{
    int order;

    while (first->parent && second->parent && first->parent != second->parent &&
           same_step(first, second)) {
        first = first->parent;
        second = second->parent;
    }
    order = first->parent && second->parent ? index_order(state, first, second) : 0;
    for (guint i = 0; order == 0 && state->facts && i < state->facts->len; i++) {
        const struct fact *f = &g_array_index(state->facts, struct fact, i);
        bool truth = f->range.lo == 1;

        if (f->term->kind != TERM_COMPARE || f->term->op != IR_LT || f->range.lo != f->range.hi) {
            continue;
        }
        if (about(f->term->a, first) && about(f->term->b, second)) {
            order = truth ? 1 : -1;
        } else if (about(f->term->a, second) && about(f->term->b, first)) {
            order = truth ? -1 : 1;
        }
    }
    return order;
}

static bool reads_again(const struct flow_lock *l, const struct lock_class *class,
                        const struct take *take)
{
    if (take->mode != RULE_SHARED || l->held.mode != RULE_SHARED) {
        return false;
    }
    return class->recursion != LOCK_PLAIN;
}

/* One place that takes a lock and one that holds it make one finding, however
 * many calls lead from here to there. */
static bool said_before(struct flow *flow, const struct flow_lock *l, const struct take *take)
{
    char *key;
    bool said;

    while (take->inner) {
        take = take->inner;
    }
    key = g_strdup_printf("%s:%u:%u>%s:%u:%u", l->held.loc.file ? l->held.loc.file : "",
                          l->held.loc.line, l->held.loc.column,
                          take->loc.file ? take->loc.file : "", take->loc.line, take->loc.column);
    if (!flow->said) {
        flow->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    said = g_hash_table_contains(flow->said, key);
    g_hash_table_add(flow->said, key);
    return said;
}

/* False if it has been said of the two before. */
static bool say_once(struct flow *flow, const char *what, const char *first, const char *second)
{
    if (!flow->said) {
        flow->said = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    return g_hash_table_add(flow->said, g_strdup_printf("%s %s %s", what, first, second));
}

/* What hangs while the program ends anyway, by a chain of calls that nobody
 * follows for long: a note, and one for a lock. */
static void report_dying(const struct flow_state *state, const struct ir_event *event,
                         const struct flow_lock *l, const struct lock_class *class,
                         const struct take *take, struct findings *findings)
{
    char *text = place_text(l->place, state->walk->function->ir);
    struct finding *finding;

    if (say_once(state->walk->flow, "dying", "", class->name)) {
        finding = findings_add(findings, CHECK_SELF_DEADLOCK, SEVERITY_NOTE, event->loc,
                               state->walk->function->ir->symbol,
                               "'%s' may be taken while this thread holds it, by what is to end "
                               "the program",
                               text);
        finding_note(finding, l->held.loc, "'%s' is taken here first", text);
        note_take_chain(finding, take, state->walk->function->ir);
    }
    g_free(text);
}

static void report_again(const struct flow_state *state, const struct ir_event *event,
                         const struct flow_lock *l, const struct take *take,
                         struct findings *findings)
{
    struct flow *flow = state->walk->flow;
    const struct lock_class *class = l->held.class;
    struct finding *finding;
    struct lock_class given;
    bool reading = take->mode == RULE_SHARED && l->held.mode == RULE_SHARED;
    char *text;

    if (!class && l->held.entry &&
        class_of_given(flow, l->place, state->walk->function->ir, &given)) {
        class = &given;
    }
    if (!class || class->recursion == LOCK_RECURSIVE || class->role || class->rcu || l->bulk ||
        take->trylock || take->grace || take->retake || take->without[0] == l->place ||
        take->without[1] == l->place || reads_again(l, class, take)) {
        return;
    }
    /* In a callee that the same callers reach, it is they who hold it. */
    if (class->keyed && l->place->root == PLACE_GLOBAL && l->place->depth == 0 && class->variable &&
        !class->variable->type.array) {
        return;
    }
    if (take->dying) {
        report_dying(state, event, l, class, take, findings);
        return;
    }
    if (said_before(flow, l, take)) {
        return;
    }
    text = place_text(l->place, state->walk->function->ir);
    finding = findings_add(
        findings, CHECK_SELF_DEADLOCK, SEVERITY_ERROR, event->loc,
        state->walk->function->ir->symbol,
        reading ? "'%s' is taken for reading again: if a writer waits in between, none goes on"
                : "'%s' is taken while this thread holds it",
        text);
    if (l->held.loc.file) {
        finding_note(finding, l->held.loc,
                     l->held.entry ? "'%s' is held by the caller" : "'%s' is taken here first",
                     text);
    }
    if (take->inner) {
        note_take_chain(finding, take, state->walk->function->ir);
    }
    if (finding && l->from) {
        balance_doubtful(flow, finding, l->from, class);
    }
    g_free(text);
}

static void report_key(const struct flow_state *state, const struct ir_event *event,
                       const struct flow_lock *l, const struct take *take,
                       struct findings *findings)
{
    struct finding *finding;
    char *first, *second;

    int order;

    if (!take->class || !take->class->keyed || take->class != l->held.class || !take->place ||
        take->trylock || take->retake) {
        return;
    }
    order = places_order(state, l->place, take->place);
    /* Of what a callee takes too little is known to blame it; and a loop over
     * all of them has a direction that is not followed. */
    bool loop = l->held.loc.line == take->loc.line && l->held.loc.column == take->loc.column;

    if (order > 0 || (order == 0 && (take->inner || l->from || l->bulk || loop))) {
        return;
    }
    first = place_text(l->place, state->walk->function->ir);
    second = place_text(take->place, state->walk->function->ir);
    finding = findings_add(
        findings, CHECK_KEY_ORDER, SEVERITY_ERROR, event->loc, state->walk->function->ir->symbol,
        order < 0 ? "'%s' is taken after '%s': locks of %s are taken by ascending key"
                  : "'%s' is taken after '%s', and nothing tells that its key is "
                    "larger: locks of %s are taken by ascending key",
        second, first, take->class->name);
    finding_note(finding, l->held.loc, "'%s' is taken here", first);
    note_take_chain(finding, take, state->walk->function->ir);
    g_free(first);
    g_free(second);
}

static void report_takes(const struct flow_state *state, const struct ir_event *event,
                         const struct effect *effect, struct findings *findings)
{
    for (guint i = 0; i < effect->takes->len; i++) {
        const struct take *take = g_ptr_array_index(effect->takes, i);

        for (guint k = 0; state->locks && k < state->locks->len; k++) {
            const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, k);

            if (take->place && l->place == take->place) {
                report_again(state, event, l, take, findings);
            } else {
                report_key(state, event, l, take, findings);
            }
        }
    }
}

/* A lock that it is given, or a global one, has to be the caller's. */
static void report_assumed(const struct flow_function *ff, const struct ir_event *event,
                           const struct gone *gone, struct findings *findings)
{
    const struct place *place = gone->place;
    bool given = place->depth == 1 && place->step == IR_STEP_DEREF && place->root == PLACE_PARAM;
    struct finding *finding;
    char *text;

    if (ff->contract == CONTRACT_ANNOTATED || (gone->class && gone->class->role) ||
        !(given || (place->depth == 0 && place->root == PLACE_GLOBAL))) {
        return;
    }
    text = place_text(place, ff->function->ir);
    finding =
        findings_add(findings, CHECK_UNSTATED, SEVERITY_ERROR, event->loc, ff->function->ir->symbol,
                     "'%s' of a caller is released here by %s, which does not say that it "
                     "requires that",
                     text, ff->function->ir->name);
    finding_note(finding, ff->function->ir->loc, "%s is here", ff->function->ir->name);
    g_free(text);
}

static void report_release(const struct flow_state *state, const struct ir_event *event,
                           struct flow_state *trial, const struct gone *gone,
                           struct findings *findings)
{
    const struct walk *walk = state->walk;
    const struct flow_lock *l = state_lock_of_release(trial, gone);
    guint before = trial->released ? trial->released->len : 0;
    struct finding *finding;
    char *text;

    if (l && l->from) {
        balance_used(l->from, l->held.class);
    }
    bool fine = state_release(trial, gone);
    guint after = trial->released ? trial->released->len : 0;

    /* Nobody has called the start of a thread, so nobody holds it. */
    bool assumed = !l && after > before;

    if ((fine && !(assumed && walk->ff->root)) || state->coarse ||
        (gone->class && gone->class->role)) {
        if (assumed) {
            report_assumed(walk->ff, event, gone, findings);
        }
        return;
    }
    if (walk->ff->bulk && gone->place->opaque) {
        return;
    }
    /* An element by number, and by the counter of the loop. */
    char *where = g_strdup_printf("%s:%u:%u", event->loc.file, event->loc.line, event->loc.column);
    bool news = !gone->class || say_once(walk->flow, "release", where, gone->class->name);

    g_free(where);
    if (!news) {
        return;
    }
    text = place_text(gone->place, walk->function->ir);
    finding =
        findings_add(findings, CHECK_DOUBLE_RELEASE, SEVERITY_ERROR, event->loc,
                     walk->function->ir->symbol, "'%s' is released, but it is not held", text);
    const struct gone *earlier = gone_find(state->dropped, gone->place);

    if (!earlier) {
        earlier = gone_find(state->released, gone->place);
    }
    if (earlier && earlier->loc.file) {
        finding_note(finding, earlier->loc, "'%s' was released here", text);
    }
    if (earlier && earlier->inner.file && earlier->from) {
        finding_note(finding, earlier->inner, "%s releases it here", earlier->from->ir->name);
    }
    if (earlier && earlier->taken.file && earlier->taken.line != earlier->loc.line) {
        finding_note(finding, earlier->taken, "'%s' was taken here", text);
    }
    if (gone->from) {
        finding_note(finding, event->loc, "%s releases it", gone->from->ir->name);
    }
    g_free(text);
}

static bool interrupts(const struct take *take)
{
    return !take->trylock && !take->grace && !take->dying && take->class && !take->class->role &&
           !take->class->rcu && take->class->recursion != LOCK_RECURSIVE;
}

/* A handler runs in the middle of what its own thread does. The lock that is
 * nearest is shown with its way. */
static void report_signal(const struct flow_state *state, const struct ir_event *event,
                          const struct effect *effect, struct findings *findings)
{
    const char *handler = state->walk->function->ir->symbol;
    struct finding *finding = NULL;
    const struct take *nearest = NULL;
    char *text;

    for (guint i = 0; i < effect->takes->len; i++) {
        const struct take *take = g_ptr_array_index(effect->takes, i);

        if (interrupts(take) && (!nearest || take->length < nearest->length)) {
            nearest = take;
        }
    }
    if (!nearest || !say_once(state->walk->flow, "signal", handler, nearest->class->name)) {
        return;
    }
    text = nearest->place ? place_text(nearest->place, state->walk->function->ir)
                          : g_strdup(nearest->class->name);
    finding = findings_add(findings, CHECK_SELF_DEADLOCK, SEVERITY_ERROR, event->loc, handler,
                           "the signal handler %s takes '%s', which the thread that it "
                           "interrupts may hold",
                           state->walk->function->ir->name, text);
    note_take_chain(finding, nearest, NULL);
    g_free(text);
    for (guint i = 0; i < effect->takes->len; i++) {
        const struct take *take = g_ptr_array_index(effect->takes, i);

        if (interrupts(take) && say_once(state->walk->flow, "signal", handler, take->class->name)) {
            finding_note(finding, take->loc, "'%s' is taken by way of this as well",
                         take->class->name);
        }
    }
}

struct report {
    struct findings *findings;
    struct exits *exits;
};

static void visit(void *context, struct pfunction *function, const struct ir_block *block,
                  const struct ir_event *event, const struct flow_state *state)
{
    struct report *report = context;
    const struct flow_function *ff = function->flow;
    struct effect *effect;
    bool notes;

    if (!event) {
        exits_add(report->exits, state, block);
        return;
    }
    notes = flow_held_count(state) > 0 || ff->signal || ff->summary->waits->len > 0;
    effect = event->kind == IR_CALL ? effect_of_call(state->walk, state, event, notes) : NULL;
    if (!effect) {
        return;
    }
    report_takes(state, event, effect, report->findings);
    if (ff->signal) {
        report_signal(state, event, effect, report->findings);
    }
    for (guint i = 0; i < effect->waits->len; i++) {
        report_wait(state, event, g_ptr_array_index(effect->waits, i), report->findings);
    }
    for (guint i = 0; i < effect->outs->len; i++) {
        const struct out *out = g_ptr_array_index(effect->outs, i);
        struct flow_state *trial = out->released ? state_copy(state) : NULL;

        for (guint k = 0; trial && k < out->released->len; k++) {
            report_release(state, event, trial, &g_array_index(out->released, struct gone, k),
                           report->findings);
        }
        state_free(trial);
    }
    effect_free(effect);
}

void report_function(struct flow *flow, struct flow_function *ff, struct findings *findings)
{
    struct report report = {.findings = findings, .exits = exits_new(ff)};
    struct walk walk = {.flow = flow,
                        .program = flow->program,
                        .function = ff->function,
                        .ff = ff,
                        .visit = visit,
                        .context = &report};

    walk_function(&walk);
    exits_finish(flow, report.exits, findings);
    place_table_free(walk.places);
}
