/* Pointers that RCU protects: those that say so, and in code without
 * annotations those that are read by rcu_dereference or published by
 * rcu_assign_pointer somewhere.
 *
 * They are read in a read section or under the writer's lock (the one that is
 * held wherever the pointer is published) and published with release. What
 * happens to the values read is rcu_escape.c's part; waiting for a grace
 * period in a section is found by check_blocking.c. */
#include "rcu_internal.h"

#include <string.h>

#include "needs.h"

static bool has_word(const char *name, const char *word)
{
    char *lower = g_ascii_strdown(name, -1);
    bool found = strstr(lower, word) != NULL;

    g_free(lower);
    return found;
}

static const struct rule *find_rule(const struct rule *const *rules, enum rule_kind kind)
{
    for (guint i = 0; rules && rules[i]; i++) {
        if (rules[i]->kind == kind) {
            return rules[i];
        }
    }
    return NULL;
}

static const struct ir_path *argument_path(const struct ir_event *event, guint number)
{
    const struct ir_value *value = number < event->args->len ? event->args->pdata[number] : NULL;

    return value && (value->kind == IR_VALUE_ADDRESS || value->kind == IR_VALUE_LOAD) ? value->path
                                                                                      : NULL;
}

/* An atomic builtin, perhaps written by a macro whose name says what for. */
static enum rcu_access atomic_access(const struct ir_event *event, const char *name,
                                     const struct ir_value **value)
{
    const char *macro = event->macro ? event->macro : "";
    const struct ir_value *order = NULL;

    if (strcmp(name, "__atomic_load_n") == 0) {
        if (has_word(macro, "locked") || has_word(macro, "protected")) {
            return RCU_LOCKED;
        }
        return has_word(macro, "access") || has_word(macro, "peek") ? RCU_LOOK : RCU_DEREFERENCE;
    }
    if (strcmp(name, "__atomic_store_n") != 0 && strcmp(name, "__atomic_exchange_n") != 0) {
        return strcmp(name, "__atomic_compare_exchange_n") == 0 ? RCU_PUBLISH : RCU_NOT;
    }
    *value = event->args->len > 1 ? event->args->pdata[1] : NULL;
    order = event->args->len > 2 ? event->args->pdata[2] : NULL;
    if (has_word(macro, "init")) {
        return RCU_INIT;
    }
    return order && order->kind == IR_VALUE_INT && order->number == __ATOMIC_RELAXED ? RCU_RELAXED
                                                                                     : RCU_PUBLISH;
}

enum rcu_access rcu_access_of(const struct program *program, const struct ir_event *event,
                              const struct ir_path **place, const struct ir_value **value)
{
    const struct pcall *call = event->kind == IR_CALL ? program_call(program, event) : NULL;
    const struct pfunction *target =
        call && call->targets->len > 0 ? call->targets->pdata[0] : NULL;
    const struct rule *rule;

    *place = NULL;
    *value = NULL;
    if (!target) {
        return RCU_NOT;
    }
    rule = find_rule(target->rules, RULE_RCU_DEREFERENCE);
    if (rule) {
        *place = argument_path(event, (guint)MAX(rule->lock, 0));
        return RCU_DEREFERENCE;
    }
    rule = find_rule(target->rules, RULE_RCU_ASSIGN);
    if (rule) {
        guint lock = (guint)MAX(rule->lock, 0);

        *place = argument_path(event, lock);
        *value = event->args->len > lock + 1 ? event->args->pdata[event->args->len - 1] : NULL;
        return RCU_PUBLISH;
    }
    if (event->atomic || g_str_has_prefix(target->ir->name, "__atomic_")) {
        *place = argument_path(event, 0);
        return *place ? atomic_access(event, target->ir->name, value) : RCU_NOT;
    }
    return RCU_NOT;
}

bool rcu_is_looked_into(const struct pfunction *function)
{
    return function->ir->blocks && function->ir->blocks->len > 0 && !function->builtin &&
           strcmp(function->ir->symbol, IR_INIT_SYMBOL) != 0;
}

const struct ir_variable *rcu_protected_at(const struct rcu *rcu, const struct ir_path *path,
                                           const struct ir_function *function)
{
    const struct ir_variable *variable;

    for (guint i = path->steps->len; i > 0; i--) {
        enum ir_step_kind kind = g_array_index(path->steps, struct ir_step, i - 1).kind;

        if (kind == IR_STEP_FIELD) {
            break;
        }
        if (kind == IR_STEP_DEREF) {
            return NULL;
        }
    }
    variable = program_variable(rcu->program, path, function);
    return variable && g_hash_table_contains(rcu->protected, variable) ? variable : NULL;
}

static void add_annotated(struct rcu *rcu, const struct ir_variable *variable)
{
    if (annotation_has(variable->annotations, ANNOTATION_RCU)) {
        g_hash_table_add(rcu->protected, (gpointer)variable);
    }
}

/* The place of a dereference or publication by rule is a protected one. */
static void add_inferred(struct rcu *rcu, const struct pfunction *function)
{
    for (guint c = 0; c < function->calls->len; c++) {
        const struct pcall *call = function->calls->pdata[c];
        const struct ir_variable *variable;
        const struct ir_value *value;
        const struct ir_path *place;

        if (call->event->atomic || call->targets->len == 0 ||
            rcu_access_of(rcu->program, call->event, &place, &value) == RCU_NOT || !place ||
            (place->root != IR_ROOT_GLOBAL && place->steps->len == 0)) {
            continue;
        }
        variable = program_variable(rcu->program, place, function->ir);
        if (variable && place->steps->len > 0 &&
            g_array_index(place->steps, struct ir_step, place->steps->len - 1).kind ==
                IR_STEP_DEREF) {
            continue;
        }
        if (variable) {
            g_hash_table_add(rcu->protected, (gpointer)variable);
        }
    }
}

static void find_protected(struct rcu *rcu)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, rcu->program->globals);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        add_annotated(rcu, value);
    }
    g_hash_table_iter_init(&iter, rcu->program->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ir_record *record = value;

        for (guint i = 0; i < record->fields->len; i++) {
            add_annotated(rcu, record->fields->pdata[i]);
        }
    }
    for (guint i = 0; i < rcu->program->functions->len; i++) {
        const struct pfunction *function = rcu->program->functions->pdata[i];

        if (rcu_is_looked_into(function)) {
            add_inferred(rcu, function);
        }
    }
}

static bool is_null(const struct ir_value *value)
{
    return value && value->kind == IR_VALUE_INT && value->number == 0;
}

static bool before_threads(const struct rcu *rcu, const struct pfunction *function,
                           const struct ir_event *event)
{
    return strcmp(function->ir->name, "main") == 0 &&
           phase_at(rcu->phases, function, event) == PHASE_ALONE;
}

/* The protected variable that an event publishes to, or NULL; `plain` if
 * without release. */
static const struct ir_variable *published(const struct rcu *rcu, const struct pfunction *function,
                                           const struct ir_event *event, bool *plain)
{
    const struct ir_variable *variable = NULL;
    const struct ir_path *place = event->path;
    const struct ir_value *value = event->value;

    *plain = true;
    if (event->kind == IR_CALL) {
        enum rcu_access access = rcu_access_of(rcu->program, event, &place, &value);

        if (!place || (access != RCU_PUBLISH && access != RCU_RELAXED)) {
            return NULL;
        }
        *plain = access == RCU_RELAXED;
    } else if (event->kind != IR_SET || event->atomic) {
        return NULL;
    }
    variable = rcu_protected_at(rcu, place, function->ir);
    if (!variable || fresh_path(rcu->fresh, function, event, place) ||
        before_threads(rcu, function, event)) {
        return NULL;
    }
    *plain = *plain && !is_null(value);
    return variable;
}

/* Locks that are held exclusively, as far as the function knows. */
static void intersect_writers(struct rcu *rcu, const struct ir_variable *variable,
                              const struct flow_state *state)
{
    GHashTable *known = g_hash_table_lookup(rcu->writers, variable);
    GHashTable *now = g_hash_table_new(NULL, NULL);

    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        const struct held *held = flow_held(state, i);

        if (held->class && !held->class->rcu && !held->class->role && held->mode != RULE_SHARED &&
            (!known || g_hash_table_contains(known, held->class))) {
            g_hash_table_add(now, (gpointer)held->class);
        }
    }
    g_hash_table_insert(rcu->writers, (gpointer)variable, now);
}

static void visit_publications(void *context, struct pfunction *function,
                               const struct ir_block *block, const struct ir_event *event,
                               const struct flow_state *state)
{
    struct rcu *rcu = context;
    const struct ir_variable *variable;
    bool plain;

    (void)block;
    if (event && event->kind != IR_READ && event->kind != IR_WRITE) {
        variable = published(rcu, function, event, &plain);
        if (variable) {
            intersect_writers(rcu, variable, state);
        }
    }
}

static void report_plain(struct rcu *rcu, const struct pfunction *function,
                         const struct ir_event *event, const struct ir_variable *variable)
{
    struct finding *finding =
        findings_add(rcu->findings, CHECK_RCU, SEVERITY_ERROR, event->loc, function->ir->symbol,
                     "%s is published without release: readers may see the pointer before what "
                     "it points to",
                     variable->name);

    finding_note(finding, variable->loc, "%s is protected by RCU", variable->name);
}

/* True if the function publishes something. */
static bool check_publications(struct rcu *rcu, const struct pfunction *function)
{
    const GPtrArray *blocks = function->ir->blocks;
    bool any = false;

    for (guint b = 0; b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];
            const struct ir_variable *variable;
            bool plain;

            if (event->kind == IR_READ || event->kind == IR_WRITE) {
                continue;
            }
            variable = published(rcu, function, event, &plain);
            any = any || variable;
            if (variable && plain) {
                report_plain(rcu, function, event, variable);
            }
        }
    }
    return any;
}

/* A read by a macro's atomic load is judged by the macro, at the call. */
static void collect(void *context, struct needs *needs, struct pfunction *function,
                    const struct ir_event *event, const struct flow_state *state)
{
    const struct rcu *rcu = context;
    const struct ir_variable *variable = NULL;
    const struct ir_path *place = event->path;
    const struct ir_value *value;
    struct need_spec spec = {.check = CHECK_RCU, .rcu = true, .lock_text = "rcu"};

    if (event->kind == IR_CALL) {
        enum rcu_access access = rcu_access_of(rcu->program, event, &place, &value);

        if ((access == RCU_DEREFERENCE || access == RCU_LOCKED) && place) {
            variable = rcu_protected_at(rcu, place, function->ir);
        }
        spec.updater = access == RCU_LOCKED;
    } else if (event->kind == IR_READ && !event->atomic) {
        variable = rcu_protected_at(rcu, place, function->ir);
        if (variable && !annotation_has(variable->annotations, ANNOTATION_RCU)) {
            variable = NULL; /* an updater's read, in code that does not say which lock is his */
        }
    }
    if (!variable) {
        return;
    }
    spec.object = place;
    spec.subject = variable->name;
    spec.declared = variable->loc;
    spec.writers = g_hash_table_lookup(rcu->writers, variable);
    /* Which lock an updater means is known only if all publish under it. */
    if (spec.updater && (!spec.writers || g_hash_table_size(spec.writers) == 0)) {
        return;
    }
    needs_require(needs, function, event, state, &spec);
}

static void writers_free(void *data)
{
    g_hash_table_unref(data);
}

void check_rcu(struct program *program, struct findings *findings)
{
    struct rcu rcu = {.program = program, .findings = findings};

    rcu.protected = g_hash_table_new(NULL, NULL);
    find_protected(&rcu);
    if (g_hash_table_size(rcu.protected) > 0) {
        rcu.fresh = fresh_new(program);
        rcu.phases = phases_new(program);
        rcu.writers = g_hash_table_new_full(NULL, NULL, NULL, writers_free);
        rcu.summaries = g_new0(struct rcu_summary, program->functions->len + 1);
        for (guint i = 0; i < program->functions->len; i++) {
            struct pfunction *function = program->functions->pdata[i];

            if (rcu_is_looked_into(function) && check_publications(&rcu, function)) {
                flow_visit(program, function, visit_publications, &rcu);
            }
        }
        needs_run(program, findings, rcu.fresh, rcu.phases, collect, &rcu);
        rcu_check_escapes(&rcu);
        g_free(rcu.summaries);
        g_hash_table_unref(rcu.writers);
        phases_free(rcu.phases);
        fresh_free(rcu.fresh);
    }
    g_hash_table_unref(rcu.protected);
}
