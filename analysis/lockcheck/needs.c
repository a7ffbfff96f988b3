/* See needs.h. Functions are visited once, in the order of the call graph's
 * components, so that what callees need is known when their callers are
 * visited; within a recursion a need stays with the function that has it.
 * A function passes on one need for each lock, with the first reason for it:
 * that bounds the work by locks instead of accesses. */
#include "needs_internal.h"

#include <string.h>

#define MAX_NOTES 32

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
    GPtrArray *own;               /* of struct need */
    GHashTable *keys;             /* of these */
    GHashTable *inited;           /* texts of locks that it initialises or destroys -> set of the
                                     blocks on a way through that call */
    const struct ir_block *block; /* that is being visited */
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
    need->updater = spec->updater;
    need->init = spec->init;
    need->param = -1;
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
 * given has that object to itself, on the ways that do so. Of its own objects
 * fresh.c knows better. */
static bool initialised_here(const struct needs *needs, const struct ir_function *ir,
                             const struct flow_state *state, const struct ir_path *lock)
{
    struct ir_path *resolved;
    GHashTable *blocks;
    char *text;

    if (!lock || g_hash_table_size(needs->inited) == 0) {
        return false;
    }
    resolved = portable(state, lock);
    if (!resolved) {
        return false;
    }
    ir_path_free(resolved);
    text = ir_path_text(lock, ir);
    blocks = g_hash_table_lookup(needs->inited, text);
    g_free(text);
    return blocks && g_hash_table_contains(blocks, needs->block);
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

/* The parameter of its caller that a call goes through, or -1. */
static int called_parameter(const struct pcall *call)
{
    const struct ir_value *callee = call->event->callee;

    if (!callee || callee->kind != IR_VALUE_LOAD || callee->path->root != IR_ROOT_PARAM) {
        return -1;
    }
    for (guint i = 0; i < callee->path->steps->len; i++) {
        if (g_array_index(callee->path->steps, struct ir_step, i).kind == IR_STEP_FIELD) {
            return -1;
        }
    }
    return (int)callee->path->index;
}

void needs_require(struct needs *needs, struct pfunction *function, const struct ir_event *event,
                   const struct flow_state *state, const struct need_spec *spec)
{
    struct need *need;
    bool wrong_mode = false;

    if ((spec->object && fresh_path(needs->fresh, function, event, spec->object)) ||
        annotation_has(function->annotations, ANNOTATION_ALONE) ||
        is_alone(needs, function, event, false)) {
        return;
    }
    need = need_new(spec, function, event->loc);
    if (need_is_held(need, state, &wrong_mode) ||
        initialised_here(needs, function->ir, state, need->lock)) {
        need_free(need);
        return;
    }
    need->wrong_mode = wrong_mode;
    if (spec->target && event->kind == IR_CALL) {
        need->param = called_parameter(program_call(needs->program, event));
        need->target = spec->target;
    }
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

/* What is called through a parameter depends on the caller: whether this one
 * passes the function that has the need. *param becomes the caller's own
 * parameter if it only hands one on. */
static bool may_pass(const struct needs *needs, const struct pcall *call, const struct need *below,
                     int *param)
{
    const struct ir_value *value;
    GPtrArray *functions;
    bool found;

    *param = -1;
    if (below->param < 0 || (guint)below->param >= call->event->args->len) {
        return true;
    }
    value = call->event->args->pdata[below->param];
    if (value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_PARAM &&
        value->path->steps->len == 0) {
        *param = (int)value->path->index;
    }
    functions = program_value_functions(needs->program, call->caller->ir, value);
    found = functions->len == 0 || g_ptr_array_find(functions, below->target, NULL);
    g_ptr_array_unref(functions);
    return found;
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
    /* Of a long way the beginning and the last call are enough. */
    for (guint i = 0; i < below->notes->len && i < MAX_NOTES - 1; i++) {
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
    int param = -1;

    if ((!callback && !may_pass(needs, call, below, &param)) ||
        (!callback && argument_is_fresh(needs, function, event, below)) ||
        annotation_has(function->annotations, ANNOTATION_ALONE) ||
        is_alone(needs, function, event, below->threaded)) {
        return;
    }
    need = lift(below, callee, call);
    need->param = param;
    if (!callback && called_parameter(call) >= 0) {
        need->param = called_parameter(call);
        need->target = callee;
    }
    if (below->lock && (!callback || below->lock->root == IR_ROOT_GLOBAL)) {
        need->lock = program_bind_path(below->lock, event->args);
    }
    if (need->lock) {
        needs_complete_path(needs->program, function->ir, need->lock);
    }
    if (need_is_held(need, state, &wrong_mode) ||
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

    if (!event) {
        return;
    }
    needs->block = block;
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

/* Adds the blocks from which one of the set can be reached, or those that can
 * be reached from it. */
static void add_ways(const GPtrArray *blocks, GHashTable *set, bool backwards)
{
    bool more = true;

    while (more) {
        more = false;
        for (guint b = 0; b < blocks->len; b++) {
            struct ir_block *block = blocks->pdata[b];

            for (guint i = 0; i < ir_block_successors(block); i++) {
                struct ir_block *next =
                    block->next[i] < blocks->len ? blocks->pdata[block->next[i]] : NULL;
                struct ir_block *from = backwards ? next : block;
                struct ir_block *to = backwards ? block : next;

                if (from && to && g_hash_table_contains(set, from)) {
                    more = g_hash_table_add(set, to) || more;
                }
            }
        }
    }
}

static struct ir_block *block_of(const GPtrArray *blocks, const struct ir_event *event)
{
    for (guint b = 0; b < blocks->len; b++) {
        struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            if (block->events->pdata[e] == event) {
                return block;
            }
        }
    }
    return NULL;
}

static void add_initialised(struct needs *needs, const struct pfunction *function,
                            const struct ir_event *call, const struct ir_path *lock)
{
    const GPtrArray *blocks = function->ir->blocks;
    struct ir_block *block = block_of(blocks, call);
    GHashTable *before = g_hash_table_new(NULL, NULL);
    GHashTable *after = g_hash_table_new(NULL, NULL);
    char *text = ir_path_text(lock, function->ir);
    GHashTable *known = g_hash_table_lookup(needs->inited, text);
    GHashTableIter iter;
    gpointer at;

    g_hash_table_add(before, block);
    g_hash_table_add(after, block);
    add_ways(blocks, before, true);
    add_ways(blocks, after, false);
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &at, NULL)) {
        g_hash_table_add(after, at);
    }
    g_hash_table_unref(before);
    if (known) {
        g_hash_table_iter_init(&iter, known);
        while (g_hash_table_iter_next(&iter, &at, NULL)) {
            g_hash_table_add(after, at);
        }
    }
    g_hash_table_insert(needs->inited, text, after);
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
                    add_initialised(needs, function, call->event, value->path);
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

        if (other->check != need->check || other->param != need->param ||
            other->target != need->target || other->class != need->class ||
            other->shared != need->shared || other->updater != need->updater ||
            !other->lock != !need->lock ||
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
            need_report(needs->findings, need);
            need_free(need);
        } else {
            if (!list) {
                list = g_ptr_array_new_with_free_func(need_free);
            }
            if (!need->init && need->param < 0 && need->notes->len == 0) {
                need_report_unstated(needs->findings, need, function->ir->name);
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
    needs.inited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify)(void (*)(void))g_hash_table_unref);
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
