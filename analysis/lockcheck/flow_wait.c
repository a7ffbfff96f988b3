/* Waits that may never end: a condition wait that keeps a lock besides its
 * mutex, one without its mutex, and a wait for another thread that needs a
 * lock which the waiting one holds. Which functions a join waits for is told
 * by the variable that keeps the handle of the thread; handles that go through
 * parameters are not told apart. */
#include "flow_internal.h"

static void add_start(GHashTable *threads, const struct ir_variable *handle,
                      struct pfunction *start)
{
    GPtrArray *starts = g_hash_table_lookup(threads, handle);

    if (!starts) {
        starts = g_ptr_array_new();
        g_hash_table_insert(threads, (gpointer)handle, starts);
    }
    if (!g_ptr_array_find(starts, start, NULL)) {
        g_ptr_array_add(starts, start);
    }
}

static const struct ir_variable *variable_of(const struct flow *flow, const struct ir_path *path,
                                             const struct ir_function *function)
{
    return path ? program_variable(flow->program, path, function) : NULL;
}

/* g_thread_new() returns the handle: where it is put next. */
static const struct ir_variable *assigned_to(const struct flow *flow,
                                             const struct ir_function *function, int32_t result)
{
    for (guint b = 0; b < function->blocks->len; b++) {
        const struct ir_block *block = g_ptr_array_index(function->blocks, b);

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = g_ptr_array_index(block->events, e);
            const struct ir_value *value = event->kind == IR_SET ? event->value : NULL;

            if (value && value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_LOCAL &&
                (int32_t)value->path->index == result && value->path->steps->len == 0) {
                return variable_of(flow, event->path, function);
            }
        }
    }
    return NULL;
}

static void note_creation(struct flow *flow, const struct pcall *call, const struct rule *rule)
{
    const struct ir_function *function = call->caller->ir;
    const struct ir_event *event = call->event;
    const struct ir_variable *handle = NULL, *moved = NULL;
    bool passed_on = false;
    GPtrArray *starts;

    if (rule->callback < 0 || (guint)rule->callback >= event->args->len) {
        return;
    }
    starts = program_value_functions(flow->program, function,
                                     g_ptr_array_index(event->args, (guint)rule->callback));
    if (!starts) {
        return;
    }
    if (rule->callback > 0) {
        const struct ir_value *first = g_ptr_array_index(event->args, 0);

        if (first->kind == IR_VALUE_ADDRESS || first->kind == IR_VALUE_LOAD) {
            handle = variable_of(flow, first->path, function);
            passed_on = first->path->root == IR_ROOT_PARAM && first->path->steps->len == 0;
        } else if (first->kind == IR_VALUE_OFFSET && first->a && first->a->path) {
            handle = variable_of(flow, first->a->path, function);
        }
    }
    if (event->result >= 0 && (guint)event->result < function->locals->len) {
        moved = assigned_to(flow, function, event->result);
        if (!handle) {
            handle = g_ptr_array_index(function->locals, (guint)event->result);
        }
    }
    for (guint i = 0; i < starts->len; i++) {
        struct pfunction *start = g_ptr_array_index(starts, i);

        g_hash_table_insert(flow->created, start, &call->event->loc);
        if (rule->kind == RULE_RCU_CALL) {
            if (!g_ptr_array_find(flow->grace_calls, start, NULL)) {
                g_ptr_array_add(flow->grace_calls, start);
            }
            continue;
        }
        if (handle) {
            add_start(flow->threads, handle, start);
        }
        if (!g_ptr_array_find(flow->starts, start, NULL)) {
            g_ptr_array_add(flow->starts, start);
        }
        if ((!handle || passed_on) && !moved && !g_ptr_array_find(flow->loose, start, NULL)) {
            g_ptr_array_add(flow->loose, start);
        }
        if (moved) {
            add_start(flow->threads, moved, start);
        }
    }
    g_ptr_array_unref(starts);
}

static void free_starts(gpointer starts)
{
    g_ptr_array_unref(starts);
}

void waits_prepare(struct flow *flow)
{
    flow->threads = g_hash_table_new_full(NULL, NULL, NULL, free_starts);
    flow->grace_calls = g_ptr_array_new();
    flow->starts = g_ptr_array_new();
    flow->loose = g_ptr_array_new();
    flow->created = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < flow->functions->len; i++) {
        const struct flow_function *ff = g_ptr_array_index(flow->functions, i);

        for (guint c = 0; c < ff->function->calls->len; c++) {
            const struct pcall *call = g_ptr_array_index(ff->function->calls, c);

            for (guint t = 0; t < call->targets->len; t++) {
                const struct pfunction *target = g_ptr_array_index(call->targets, t);

                for (const struct rule *const *rule = target->rules; rule && *rule; rule++) {
                    if ((*rule)->kind == RULE_THREAD_CREATE || (*rule)->kind == RULE_RCU_CALL) {
                        note_creation(flow, call, *rule);
                    }
                }
            }
        }
    }
}

void waits_free(struct flow *flow)
{
    g_clear_pointer(&flow->threads, g_hash_table_unref);
    g_clear_pointer(&flow->grace_calls, g_ptr_array_unref);
    g_clear_pointer(&flow->starts, g_ptr_array_unref);
    g_clear_pointer(&flow->loose, g_ptr_array_unref);
    g_clear_pointer(&flow->created, g_hash_table_unref);
}

static void add_wait(struct walk *walk, const struct ir_event *event,
                     const struct pfunction *callee, const struct pfunction *thread,
                     struct effect *effect)
{
    struct wait wait = {.thread = thread, .loc = event->loc, .length = 1};

    wait.function = walk->function;
    wait.callee = callee->ir->name;
    g_ptr_array_add(effect->waits, g_memdup2(&wait, sizeof wait));
}

static const GPtrArray *joined(struct walk *walk, const struct flow_state *state,
                               const struct ir_event *event)
{
    struct flow *flow = walk->flow;
    const struct ir_value *value = event->args->len > 0 ? g_ptr_array_index(event->args, 0) : NULL;
    const GPtrArray *starts = NULL;
    const struct term *term;

    if (!value) {
        return NULL;
    }
    if (value->path) {
        const struct ir_variable *variable = variable_of(flow, value->path, walk->function->ir);

        starts = variable ? g_hash_table_lookup(flow->threads, variable) : NULL;
    }
    term = starts ? NULL : state_term(state, value);
    if (term && term->place) {
        const struct ir_variable *variable =
            variable_of(flow, place_path(term->place), walk->function->ir);

        starts = variable ? g_hash_table_lookup(flow->threads, variable) : NULL;
    }
    if (!starts) {
        starts = flow->starts->len == 1 ? flow->starts : flow->loose;
    }
    return starts;
}

void waits_of_call(struct walk *walk, const struct flow_state *state, const struct ir_event *event,
                   const struct pfunction *target, const struct pcall *call, struct effect *effect)
{
    for (const struct rule *const *rule = target->rules; rule && *rule; rule++) {
        const GPtrArray *starts = NULL;

        if ((*rule)->kind == RULE_THREAD_JOIN) {
            starts = joined(walk, state, event);
        } else if ((*rule)->kind == RULE_RCU_BARRIER) {
            starts = walk->flow->grace_calls;
        } else if ((*rule)->kind == RULE_CALLBACK && (*rule)->role && call) {
            starts = call->callbacks;
        }
        for (guint i = 0; starts && i < starts->len; i++) {
            add_wait(walk, event, target, g_ptr_array_index(starts, i), effect);
        }
    }
}

const struct ir_variable *wait_condition(const struct program *program,
                                         const struct pfunction *function,
                                         const struct ir_event *event)
{
    const struct ir_value *value = event->args->len > 0 ? g_ptr_array_index(event->args, 0) : NULL;
    const struct ir_path *path = value ? value->path : NULL;
    bool named = path && path->root == IR_ROOT_GLOBAL;

    for (guint i = 0; path && i < path->steps->len; i++) {
        named |= g_array_index(path->steps, struct ir_step, i).kind == IR_STEP_FIELD;
    }
    return named ? program_variable(program, path, function->ir) : NULL;
}

static void note_chain(struct finding *finding, const struct wait *wait)
{
    for (; wait; wait = wait->inner) {
        finding_note(finding, wait->loc, wait->inner ? "%s calls %s" : "%s waits in %s",
                     wait->function->ir->name, wait->callee);
    }
}

static bool dropped_there(const struct wait *wait, const struct flow_lock *l)
{
    return wait->without[0] == l->place || wait->without[1] == l->place;
}

static bool allowed(const struct flow_state *state, const struct lock_class *class)
{
    return (class && (class->role || class->rcu ||
                      (class->variable &&
                       annotation_has(class->variable->annotations, ANNOTATION_BLOCKING_OK)))) ||
           annotation_has(state->walk->function->annotations, ANNOTATION_BLOCKING_OK);
}

/* Whether somebody who calls the function answers for what is held at entry. */
static bool callers_answer(const struct flow_state *state, const struct flow_lock *l)
{
    return l->held.entry && state->walk->function->callers->len > 0;
}

static char *lock_text(const struct flow_state *state, const struct flow_lock *l)
{
    return place_text(l->place, state->walk->function->ir);
}

/* The lock in the state that the wait releases, by name or as the only one of
 * its class. */
static const struct flow_lock *waited_mutex(const struct flow_state *state, const struct wait *wait)
{
    const struct flow_lock *found;
    unsigned similar = 0;

    if (!wait->place) {
        return NULL;
    }
    found = state_find_lock(state, wait->place, RULE_EXCLUSIVE);
    for (guint i = 0; !found && wait->class && state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (l->held.class == wait->class &&
            (l->place->opaque || wait->place->opaque || l->held.entry || l->held.asserted)) {
            similar++;
            found = l;
        }
    }
    return similar <= 1 ? found : NULL;
}

static void report_not_held(const struct flow_state *state, const struct wait *wait,
                            struct findings *findings)
{
    const struct walk *walk = state->walk;
    const struct wait *last = wait;
    struct finding *finding;
    char *text;

    if (!wait->place || wait->held || gone_find(state->released, wait->place)) {
        return;
    }
    bool nobody = walk->function->callers->len == 0;

    /* A function for others to call, that waits with a lock of theirs. */
    if (!walk->ff->root && !(nobody && wait->place->root != PLACE_PARAM)) {
        return;
    }
    while (last->inner) {
        last = last->inner;
    }
    text = place_text(wait->place, walk->function->ir);
    finding =
        findings_add(findings, CHECK_WAIT, SEVERITY_ERROR, last->loc, last->function->ir->symbol,
                     "waits with '%s', which is not held here", text);
    if (wait->inner) {
        note_chain(finding, wait);
    }
    g_free(text);
}

static void kept_free(void *data)
{
    struct kept_wait *kept = data;

    g_ptr_array_unref(kept->held);
    g_free(kept);
}

static void doubt_kept(const struct flow_state *state, struct finding *finding,
                       const struct wait *wait, const struct lock_class *class)
{
    struct flow *flow = state->walk->flow;
    struct kept_wait *kept;

    if (!finding || !wait->condition || !class) {
        return;
    }
    kept = g_new(struct kept_wait, 1);
    *kept = (struct kept_wait){finding, class, wait->condition, state->walk->function,
                               g_ptr_array_new()};
    for (guint i = 0; i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (l->held.class && l->held.mode == RULE_EXCLUSIVE && l->place->root == PLACE_GLOBAL &&
            l->place->depth == 0) {
            g_ptr_array_add(kept->held, (gpointer)l->held.class);
        }
    }
    if (!flow->kept_waits) {
        flow->kept_waits = g_ptr_array_new_with_free_func(kept_free);
    }
    g_ptr_array_add(flow->kept_waits, kept);
}

static void report_kept(const struct flow_state *state, const struct ir_event *event,
                        const struct wait *wait, const struct flow_lock *l, bool again,
                        struct findings *findings)
{
    char *text = lock_text(state, l);
    struct finding *finding = findings_add(
        findings, CHECK_WAIT, SEVERITY_ERROR, event->loc, state->walk->function->ir->symbol,
        again ? "waits for a condition while '%s' is held twice: the wait releases it once"
              : "waits for a condition while '%s' is held, which the wait does not release",
        text);

    if (l->held.loc.file) {
        finding_note(finding, l->held.loc, "'%s' is %s here", text,
                     l->held.entry ? "held from the start" : "taken");
    }
    note_chain(finding, wait);
    if (!again) {
        doubt_kept(state, finding, wait, l->held.class);
    }
    g_free(text);
}

static bool may_be_same(const struct flow_lock *l, const struct take *take)
{
    if (!take->class || take->class != l->held.class || take->trylock || take->grace) {
        return false;
    }
    if (take->mode == RULE_SHARED && l->held.mode == RULE_SHARED) {
        return false;
    }
    /* Two globals are known apart. */
    return !take->place || take->place->root != PLACE_GLOBAL || l->place->root != PLACE_GLOBAL ||
           take->place == l->place || take->place->depth > 0;
}

static void report_thread(const struct flow_state *state, const struct ir_event *event,
                          const struct wait *wait, const struct flow_lock *l,
                          struct findings *findings)
{
    const struct flow_function *thread = flow_function_of(wait->thread);

    for (guint i = 0; thread && thread->summary && i < thread->summary->takes->len; i++) {
        const struct take *take = g_ptr_array_index(thread->summary->takes, i);
        struct finding *finding;
        char *text;

        if (!may_be_same(l, take)) {
            continue;
        }
        text = lock_text(state, l);
        finding = findings_add(
            findings, CHECK_WAIT, SEVERITY_ERROR, event->loc, state->walk->function->ir->symbol,
            "waits for %s, which takes '%s', while it is held here", wait->thread->ir->name, text);
        finding_note(finding, l->held.loc, "'%s' is taken here", text);
        note_chain(finding, wait);
        note_take_chain(finding, take, NULL);
        g_free(text);
        return;
    }
}

/* A thread that joins itself, a callback that waits for all callbacks. */
static void report_itself(const struct flow_state *state, const struct ir_event *event,
                          const struct wait *wait, struct findings *findings)
{
    const struct flow *flow = state->walk->flow;
    const struct ir_function *function = state->walk->function->ir;
    const struct ir_loc *created = g_hash_table_lookup(flow->created, state->walk->function);
    struct finding *finding =
        findings_add(findings, CHECK_WAIT, SEVERITY_ERROR, event->loc, function->symbol,
                     "%s waits until %s has run, which is itself", function->name, function->name);

    note_chain(finding, wait);
    if (created) {
        finding_note(finding, *created, "%s is set going here", function->name);
    }
}

void report_wait(const struct flow_state *state, const struct ir_event *event,
                 const struct wait *wait, struct findings *findings)
{
    const struct flow_lock *mutex = waited_mutex(state, wait);

    if (wait->thread == state->walk->function) {
        report_itself(state, event, wait, findings);
        return;
    }

    if (!wait->thread && !mutex) {
        report_not_held(state, wait, findings);
    }
    if (mutex && mutex->held.count > 1 && !mutex->held.class->role) {
        report_kept(state, event, wait, mutex, true, findings);
    }
    for (guint i = 0; state->locks && i < state->locks->len; i++) {
        const struct flow_lock *l = &g_array_index(state->locks, struct flow_lock, i);

        if (l == mutex || allowed(state, l->held.class) || callers_answer(state, l) ||
            dropped_there(wait, l)) {
            continue;
        }
        if (wait->thread) {
            report_thread(state, event, wait, l, findings);
        } else if (wait->place || wait->held) {
            report_kept(state, event, wait, l, false, findings);
        }
    }
}
