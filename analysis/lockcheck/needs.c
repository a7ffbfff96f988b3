/* See needs.h. Functions are visited once, in the order of the call graph's
 * components, so that what callees need is known when their callers are
 * visited; within a recursion a need stays with the function that has it.
 * A function passes on one need for each lock, with the first reason for it:
 * that bounds the work by locks instead of accesses. */
#include "needs.h"

#include <string.h>

struct note {
    struct ir_loc loc;
    char *text;
};

struct need {
    struct ir_path *lock;
    const struct lock_class *class;
    const char *subject; /* interned, like lock_text */
    const char *lock_text;
    enum check_id check;
    bool shared;
    bool call;
    bool rcu;
    bool init;
    bool threaded; /* threads were started before, by the function or below */
    GHashTable *writers;
    struct ir_loc declared;
    struct ir_loc loc;
    const char *function; /* symbol, for the finding */
    bool wrong_mode;      /* held, but only shared */
    GArray *notes;        /* of struct note: calls on the way up */
};

struct needs {
    struct program *program;
    struct findings *findings;
    struct fresh *fresh;
    struct phases *phases;
    needs_collector *collect;
    void *context;
    GPtrArray **exported; /* by function number: of struct need, or NULL */
    uint32_t *component;  /* by function number */
    /* Of the function under visit: */
    GPtrArray *own;     /* of struct need */
    GHashTable *keys;   /* of these */
    GHashTable *inited; /* texts of locks that it initialises or destroys */
    bool is_main;
};

static void note_clear(void *data)
{
    g_free(((struct note *)data)->text);
}

static void need_free(void *data)
{
    struct need *need = data;

    ir_path_free(need->lock);
    g_array_unref(need->notes);
    g_free(need);
}

struct fresh *needs_fresh(const struct needs *needs)
{
    return needs->fresh;
}

void needs_complete_path(const struct program *program, const struct ir_function *function,
                         struct ir_path *path)
{
    const struct ir_variable *variable = NULL;
    struct ir_path root = {.root = path->root, .index = path->index, .symbol = path->symbol};

    root.steps = g_array_new(FALSE, FALSE, sizeof(struct ir_step));
    variable = program_variable(program, &root, function);
    g_array_unref(root.steps);
    for (guint i = 0; i < path->steps->len; i++) {
        struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);

        if (step->kind != IR_STEP_FIELD) {
            continue;
        }
        if (!step->record && variable) {
            step->record = variable->type.record;
        }
        variable = program_field(program, step->record, step->name);
    }
}

/* Whether two paths surely are different objects, as far as names can tell. */
static bool surely_differ(const struct ir_path *a, const struct ir_path *b)
{
    const struct ir_path *paths[] = {a, b};

    for (guint p = 0; p < 2; p++) {
        if (paths[p]->root != IR_ROOT_PARAM && paths[p]->root != IR_ROOT_GLOBAL) {
            return false;
        }
        for (guint i = 0; i < paths[p]->steps->len; i++) {
            if (g_array_index(paths[p]->steps, struct ir_step, i).kind == IR_STEP_INDEX) {
                return false;
            }
        }
    }
    return true;
}

static bool mode_suffices(const struct held *held, bool shared)
{
    return shared || held->mode != RULE_SHARED;
}

/* A lock may be held twice, shared and exclusive. */
static bool held_in_mode(const struct flow_state *state, const struct held *held, bool shared)
{
    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        const struct held *other = flow_held(state, i);

        if (other->path == held->path && mode_suffices(other, shared)) {
            return true;
        }
    }
    return mode_suffices(held, shared);
}

static bool section_held(const struct need *need, const struct flow_state *state)
{
    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        const struct held *held = flow_held(state, i);
        const struct lock_class *class = held->class;

        if (class && class->rcu) {
            return true;
        }
        if (held->mode == RULE_SHARED || (class && class->role)) {
            continue;
        }
        if (!need->writers || g_hash_table_size(need->writers) == 0 ||
            g_hash_table_contains(need->writers, class)) {
            return true;
        }
    }
    return false;
}

/* Whether the state holds what is needed; `wrong_mode` if it does, shared. */
static bool is_held(const struct need *need, const struct flow_state *state, bool *wrong_mode)
{
    const struct held *held;

    if (need->rcu) {
        return section_held(need, state);
    }
    if (need->init) {
        return false;
    }
    held = need->lock ? flow_find(state, need->lock) : NULL;
    if (!held && need->class && (!need->lock || need->class->role || need->class->keyed)) {
        held = flow_find_class(state, need->class);
    }
    if (held) {
        *wrong_mode = !held_in_mode(state, held, need->shared);
        return !*wrong_mode;
    }
    for (uint32_t i = 0; need->lock && need->class && i < flow_held_count(state); i++) {
        const struct held *other = flow_held(state, i);
        struct ir_path *resolved;
        bool differ;

        if (other->class != need->class) {
            continue;
        }
        resolved = flow_resolve(state, need->lock);
        differ = !resolved || !other->path || surely_differ(resolved, other->path);
        ir_path_free(resolved);
        if (!differ) {
            *wrong_mode = !mode_suffices(other, need->shared);
            return !*wrong_mode;
        }
    }
    return false;
}

static struct need *need_new(const struct need_spec *spec, const struct pfunction *function,
                             struct ir_loc loc)
{
    struct need *need = g_new0(struct need, 1);

    need->lock = spec->lock ? ir_path_copy(spec->lock) : NULL;
    need->class = spec->class;
    need->subject = g_intern_string(spec->subject);
    need->lock_text = g_intern_string(spec->lock_text);
    need->check = spec->check;
    need->shared = spec->shared;
    need->call = spec->call;
    need->rcu = spec->rcu;
    need->init = spec->init;
    need->writers = spec->writers;
    need->declared = spec->declared;
    need->loc = loc;
    need->function = function->ir->symbol;
    need->notes = g_array_new(FALSE, FALSE, sizeof(struct note));
    g_array_set_clear_func(need->notes, note_clear);
    return need;
}

/* One need for each subject and line: a read and a write in one statement
 * lack the same lock. */
static char *need_key(const struct need *need, const struct ir_function *ir)
{
    char *lock = need->lock ? ir_path_text(need->lock, ir) : NULL;
    char *key =
        g_strdup_printf("%d %s:%u %s %s %p", need->check, need->loc.file ? need->loc.file : "",
                        need->loc.line, need->subject, lock ? lock : "", (const void *)need->class);

    g_free(lock);
    return key;
}

/* Takes the need over. */
static void add_need(struct needs *needs, const struct pfunction *function, struct need *need)
{
    char *key = need_key(need, function->ir);

    if (g_hash_table_add(needs->keys, key)) {
        g_ptr_array_add(needs->own, need);
    } else {
        need_free(need);
    }
}

/* A lock path that callers can understand, or NULL. */
static struct ir_path *portable(const struct flow_state *state, const struct ir_path *lock)
{
    struct ir_path *resolved = lock ? flow_resolve(state, lock) : NULL;

    if (resolved && resolved->root != IR_ROOT_PARAM && resolved->root != IR_ROOT_GLOBAL) {
        ir_path_free(resolved);
        resolved = NULL;
    }
    return resolved;
}

/* A function that initialises or destroys the lock of an object that it was
 * given has that object to itself. Of its own objects fresh.c knows better. */
static bool initialised_here(const struct needs *needs, const struct ir_function *ir,
                             const struct flow_state *state, const struct ir_path *lock)
{
    struct ir_path *resolved;
    char *text;
    bool found;

    if (!lock || g_hash_table_size(needs->inited) == 0) {
        return false;
    }
    resolved = portable(state, lock);
    if (!resolved) {
        return false;
    }
    ir_path_free(resolved);
    text = ir_path_text(lock, ir);
    found = g_hash_table_contains(needs->inited, text);
    g_free(text);
    return found;
}

/* main() before it has started threads, or after it has joined them. */
static bool is_alone(const struct needs *needs, const struct pfunction *function,
                     const struct ir_event *event, bool threaded)
{
    enum phase phase;

    if (!needs->is_main) {
        return false;
    }
    phase = phase_at(needs->phases, function, event);
    return phase == PHASE_JOINED || (phase == PHASE_ALONE && !threaded);
}

void needs_require(struct needs *needs, struct pfunction *function, const struct ir_event *event,
                   const struct flow_state *state, const struct need_spec *spec)
{
    struct need *need;
    bool wrong_mode = false;

    if ((spec->object && fresh_path(needs->fresh, function, event, spec->object)) ||
        is_alone(needs, function, event, false)) {
        return;
    }
    need = need_new(spec, function, event->loc);
    if (is_held(need, state, &wrong_mode) ||
        initialised_here(needs, function->ir, state, need->lock)) {
        need_free(need);
        return;
    }
    need->wrong_mode = wrong_mode;
    need->threaded = phase_at(needs->phases, function, event) == PHASE_THREADED;
    if (need->lock) {
        struct ir_path *path = portable(state, need->lock);

        if (path) {
            ir_path_free(need->lock);
            need->lock = path;
        }
    }
    add_need(needs, function, need);
}

static struct need *lift(const struct need *below, const struct pfunction *callee,
                         const struct pcall *call)
{
    struct need *need = g_memdup2(below, sizeof(*below));
    struct note note = {.loc = call->event->loc};

    need->lock = NULL;
    need->notes = g_array_new(FALSE, FALSE, sizeof(struct note));
    g_array_set_clear_func(need->notes, note_clear);
    note.text =
        g_strdup_printf("%s is called by %s here", callee->ir->name, call->caller->ir->name);
    for (guint i = 0; i < below->notes->len; i++) {
        struct note copy = g_array_index(below->notes, struct note, i);

        copy.text = g_strdup(copy.text);
        g_array_append_val(need->notes, copy);
    }
    g_array_append_val(need->notes, note);
    return need;
}

static bool argument_is_fresh(const struct needs *needs, const struct pfunction *function,
                              const struct ir_event *event, const struct need *below)
{
    return below->lock && below->lock->root == IR_ROOT_PARAM &&
           below->lock->index < event->args->len &&
           fresh_value(needs->fresh, function, event, event->args->pdata[below->lock->index]);
}

static void require_for_callee(struct needs *needs, struct pfunction *function,
                               const struct pcall *call, const struct pfunction *callee,
                               const struct flow_state *state, const struct need *below,
                               bool callback)
{
    const struct ir_event *event = call->event;
    struct need *need;
    bool wrong_mode = below->wrong_mode;

    if ((!callback && argument_is_fresh(needs, function, event, below)) ||
        is_alone(needs, function, event, below->threaded)) {
        return;
    }
    need = lift(below, callee, call);
    if (below->lock && (!callback || below->lock->root == IR_ROOT_GLOBAL)) {
        need->lock = program_bind_path(below->lock, event->args);
    }
    if (need->lock) {
        needs_complete_path(needs->program, function->ir, need->lock);
    }
    if (is_held(need, state, &wrong_mode) ||
        (below->lock && !need->lock && !need->class && !need->rcu) ||
        initialised_here(needs, function->ir, state, need->lock)) {
        need_free(need);
        return;
    }
    need->threaded = need->threaded || phase_at(needs->phases, function, event) == PHASE_THREADED;
    if (need->lock) {
        struct ir_path *path = portable(state, need->lock);

        ir_path_free(need->lock);
        need->lock = path;
    }
    add_need(needs, function, need);
}

static void require_for_callees(struct needs *needs, struct pfunction *function,
                                const struct pcall *call, const GPtrArray *callees,
                                const struct flow_state *state, bool callback)
{
    for (guint t = 0; callees && t < callees->len; t++) {
        const struct pfunction *callee = callees->pdata[t];
        const GPtrArray *exported = needs->exported[callee->number];

        for (guint i = 0; exported && i < exported->len; i++) {
            require_for_callee(needs, function, call, callee, state, exported->pdata[i], callback);
        }
    }
}

static void visit(void *context, struct pfunction *function, const struct ir_block *block,
                  const struct ir_event *event, const struct flow_state *state)
{
    struct needs *needs = context;

    (void)block;
    if (!event) {
        return;
    }
    needs->collect(needs->context, needs, function, event, state);
    if (event->kind == IR_CALL) {
        const struct pcall *call = program_call(needs->program, event);

        if (call && !(call->slot && call->slot->annotations->len > 0)) {
            require_for_callees(needs, function, call, call->targets, state, false);
        }
        if (call) {
            require_for_callees(needs, function, call, call->callbacks, state, true);
        }
    }
}

static void find_initialised(struct needs *needs, const struct pfunction *function)
{
    for (guint c = 0; c < function->calls->len; c++) {
        const struct pcall *call = function->calls->pdata[c];

        for (guint t = 0; t < call->targets->len; t++) {
            const struct pfunction *target = call->targets->pdata[t];

            for (guint r = 0; target->rules[r]; r++) {
                const struct rule *rule = target->rules[r];
                const struct ir_value *value;

                if ((rule->kind != RULE_INIT && rule->kind != RULE_DESTROY) || rule->lock < 0 ||
                    (guint)rule->lock >= call->event->args->len) {
                    continue;
                }
                value = call->event->args->pdata[rule->lock];
                if (value->kind == IR_VALUE_ADDRESS) {
                    g_hash_table_add(needs->inited, ir_path_text(value->path, function->ir));
                }
            }
        }
    }
}

/* A pointer that the function is called through may promise the lock. */
static bool granted_by_pointer(const struct needs *needs, const struct pfunction *function,
                               const struct need *need)
{
    struct contract_item wanted = {.path = need->lock, .text = need->lock_text};
    bool granted = false;

    for (guint s = 0; need->lock && !granted && s < function->stored->len; s++) {
        const struct pslot *slot = function->stored->pdata[s];
        GPtrArray *items = contract_items(needs->program, slot->annotations, NULL);

        for (guint i = 0; i < items->len && !granted; i++) {
            const struct contract_item *item = items->pdata[i];

            granted = contract_is_requirement(item->kind) && contract_same_lock(item, &wanted) &&
                      (need->shared || !item->shared);
        }
        g_ptr_array_unref(items);
    }
    return granted;
}

static void report(const struct needs *needs, const struct need *need)
{
    struct finding *finding;

    if (need->rcu) {
        finding =
            findings_add(needs->findings, need->check, SEVERITY_ERROR, need->loc, need->function,
                         "%s is read outside of an RCU read section and without the "
                         "writer's lock",
                         need->subject);
    } else if (need->init) {
        finding =
            findings_add(needs->findings, need->check, SEVERITY_ERROR, need->loc, need->function,
                         "%s is written when others may see it, and is immutable", need->subject);
    } else if (need->wrong_mode) {
        finding = findings_add(needs->findings, need->check, SEVERITY_ERROR, need->loc,
                               need->function, "%s is %s with %s held only in shared mode",
                               need->subject, need->call ? "called" : "written", need->lock_text);
    } else {
        finding =
            findings_add(needs->findings, need->check, SEVERITY_ERROR, need->loc, need->function,
                         need->call ? "%s is called without %s, which it needs held"
                                    : "%s is accessed without %s, which guards it",
                         need->subject, need->lock_text);
    }
    for (guint i = 0; i < need->notes->len; i++) {
        const struct note *note = &g_array_index(need->notes, struct note, i);

        finding_note(finding, note->loc, "%s", note->text);
    }
    finding_note(finding, need->declared,
                 need->rcu    ? "%s is declared as protected by RCU here"
                 : need->init ? "%s is declared as immutable here"
                 : need->call ? "%s says here what it needs"
                              : "%s says here what guards it",
                 need->subject);
}

/* Whether somebody in sight calls the function, who can be asked instead. */
static bool has_callers(const struct needs *needs, const struct pfunction *function)
{
    for (guint i = 0; i < function->callers->len; i++) {
        const struct pcall *call = function->callers->pdata[i];

        if (needs->component[call->caller->number] != needs->component[function->number]) {
            return true;
        }
    }
    return false;
}

/* What a contract does not say, callers need not know; that an object is new
 * is no matter of contracts. */
static bool can_export(const struct needs *needs, const struct pfunction *function,
                       const struct need *need, bool called)
{
    if (!called || needs->is_main) {
        return false;
    }
    if (need->init) {
        return !need->lock || need->lock->root == IR_ROOT_PARAM ||
               need->lock->root == IR_ROOT_GLOBAL;
    }
    return !contract_has_locks(function->annotations);
}

static bool already_exported(const GPtrArray *list, const struct need *need,
                             const struct ir_function *ir)
{
    for (guint i = 0; i < list->len; i++) {
        const struct need *other = list->pdata[i];
        char *a;
        char *b;
        bool same;

        if (other->check != need->check || other->class != need->class ||
            other->shared != need->shared || !other->lock != !need->lock ||
            ((need->rcu || need->init) && other->subject != need->subject)) {
            continue;
        }
        a = other->lock ? ir_path_text(other->lock, ir) : NULL;
        b = need->lock ? ir_path_text(need->lock, ir) : NULL;
        same = g_strcmp0(a, b) == 0;
        g_free(a);
        g_free(b);
        if (same) {
            return true;
        }
    }
    return false;
}

static void settle(struct needs *needs, const struct pfunction *function)
{
    bool called = has_callers(needs, function);
    GPtrArray *list = NULL;

    for (guint i = 0; i < needs->own->len; i++) {
        struct need *need = needs->own->pdata[i];

        if (granted_by_pointer(needs, function, need)) {
            need_free(need);
        } else if (!can_export(needs, function, need, called)) {
            report(needs, need);
            need_free(need);
        } else {
            if (!list) {
                list = g_ptr_array_new_with_free_func(need_free);
            }
            if (already_exported(list, need, function->ir)) {
                need_free(need);
            } else {
                g_ptr_array_add(list, need);
            }
        }
    }
    g_ptr_array_set_size(needs->own, 0);
    needs->exported[function->number] = list;
}

static bool is_looked_into(const struct pfunction *function)
{
    return function->ir->blocks && function->ir->blocks->len > 0 && !function->builtin &&
           strcmp(function->ir->symbol, IR_INIT_SYMBOL) != 0 &&
           !annotation_has(function->annotations, ANNOTATION_NO_ANALYSIS);
}

static void visit_function(struct needs *needs, struct pfunction *function)
{
    g_hash_table_remove_all(needs->keys);
    g_hash_table_remove_all(needs->inited);
    needs->is_main = strcmp(function->ir->name, "main") == 0;
    find_initialised(needs, function);
    flow_visit(needs->program, function, visit, needs);
    settle(needs, function);
}

void needs_run(struct program *program, struct findings *findings, struct fresh *fresh,
               struct phases *phases, needs_collector *collect, void *context)
{
    const GPtrArray *components = program_components(program);
    struct needs needs = {.program = program,
                          .findings = findings,
                          .fresh = fresh,
                          .phases = phases,
                          .collect = collect,
                          .context = context};

    needs.exported = g_new0(GPtrArray *, program->functions->len + 1);
    needs.component = g_new0(uint32_t, program->functions->len + 1);
    for (guint c = 0; c < components->len; c++) {
        const GPtrArray *component = components->pdata[c];

        for (guint i = 0; i < component->len; i++) {
            needs.component[((struct pfunction *)component->pdata[i])->number] = c;
        }
    }
    needs.own = g_ptr_array_new();
    needs.keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    needs.inited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint c = 0; c < components->len; c++) {
        const GPtrArray *component = components->pdata[c];

        for (guint i = 0; i < component->len; i++) {
            struct pfunction *function = component->pdata[i];

            if (is_looked_into(function)) {
                visit_function(&needs, function);
            }
        }
    }
    for (guint i = 0; i < program->functions->len; i++) {
        if (needs.exported[i]) {
            g_ptr_array_unref(needs.exported[i]);
        }
    }
    g_free(needs.exported);
    g_free(needs.component);
    g_ptr_array_unref(needs.own);
    g_hash_table_unref(needs.keys);
    g_hash_table_unref(needs.inited);
}
