/* Whether a state holds a lock that is needed, and what is said if not.
 *
 * A lock is held if its very object is. If another object's lock of the same
 * class is held, and names cannot tell the two apart for sure, the benefit of
 * the doubt is given: aliases that flow.c cannot follow are many. */
#include "needs_internal.h"

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
            if (!need->updater) {
                return true;
            }
            continue;
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

bool need_is_held(const struct need *need, const struct flow_state *state, bool *wrong_mode)
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

void need_report(struct findings *findings, const struct need *need)
{
    struct finding *finding;

    if (need->rcu) {
        finding = findings_add(findings, need->check, SEVERITY_ERROR, need->loc, need->function,
                               need->updater
                                   ? "%s is read as by a writer, without the writer's lock"
                                   : "%s is read outside of an RCU read section and without the "
                                     "writer's lock",
                               need->subject);
    } else if (need->init) {
        finding =
            findings_add(findings, need->check, SEVERITY_ERROR, need->loc, need->function,
                         "%s is written when others may see it, and is immutable", need->subject);
    } else if (need->wrong_mode) {
        finding = findings_add(findings, need->check, SEVERITY_ERROR, need->loc, need->function,
                               "%s is %s with %s held only in shared mode", need->subject,
                               need->call ? "called" : "written", need->lock_text);
    } else {
        finding = findings_add(findings, need->check, SEVERITY_ERROR, need->loc, need->function,
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

void need_report_unstated(struct findings *findings, const struct need *need, const char *name)
{
    const char *lock = need->updater ? "the writer's lock"
                       : need->rcu   ? "a read section"
                                     : need->lock_text;
    struct finding *finding =
        findings_add(findings, CHECK_UNSTATED, SEVERITY_ERROR, need->loc, need->function,
                     "%s is %s here with %s held by the callers of %s, which does not say that it "
                     "requires that",
                     need->subject, need->call ? "called" : "accessed", lock, name);

    finding_note(finding, need->declared, "%s says here what it needs", need->subject);
}
