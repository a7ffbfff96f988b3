/* What must not be done with pointers from protected places: follow or pass
 * them on after their section, keep them, free them too early. Findings come
 * with the place where the pointer was read. */
#include "rcu_escape.h"

#include <string.h>

const char *variable_name(const struct escape *e, uint8_t number)
{
    const struct tracked *t = &e->tracked[number];
    const GPtrArray *list =
        t->root == IR_ROOT_PARAM ? e->function->ir->params : e->function->ir->locals;
    const struct ir_variable *variable = list->pdata[t->index];

    return variable->name && *variable->name ? variable->name : "the pointer";
}

static const char *place_name(const struct escape *e, uint8_t number)
{
    const struct ir_variable *variable =
        e->tracked[number].place
            ? program_variable(e->rcu->program, e->tracked[number].place, e->function->ir)
            : NULL;

    return variable && variable->name ? variable->name : "a place that RCU protects";
}

void report_escape(struct escape *e, gconstpointer key, struct ir_loc loc, uint8_t number,
                   const char *format, ...)
{
    struct finding *finding;
    va_list arguments;
    char *text;

    if (!e->report || !g_hash_table_add(e->told, (gpointer)key)) {
        return;
    }
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    finding = findings_add(e->rcu->findings, CHECK_RCU, SEVERITY_ERROR, loc,
                           e->function->ir->symbol, "%s", text);
    g_free(text);
    finding_note(finding, e->tracked[number].source, "%s is read from %s here",
                 variable_name(e, number), place_name(e, number));
}

/* Following a pointer whose section is over. */
void check_use(struct escape *e, const struct state *state, const struct ir_event *event)
{
    uint8_t number = tracked_root(e, event->path);

    if (number != NOT_TRACKED && begins_with_deref(event->path)) {
        if (state->stale & bit(number)) {
            report_escape(e, event, event->loc, number,
                          "%s is used after the RCU read section that it was read in",
                          variable_name(e, number));
        }
        e->summary->derefs |= e->tracked[number].params;
    }
}

static bool takes_reference(const char *name)
{
    static const char *const words[] = {"ref", "get", "hold", "pin", "grab", "acquire"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(name, words[i])) {
            return !strstr(name, "unref") && !strstr(name, "deref") && !strstr(name, "dereference");
        }
    }
    return false;
}

/* ++p->refs and the like. */
bool counts_reference(const struct ir_path *path)
{
    const struct ir_step *step =
        path->steps->len > 0 ? &g_array_index(path->steps, struct ir_step, path->steps->len - 1)
                             : NULL;

    return step && step->kind == IR_STEP_FIELD && step->name &&
           (strstr(step->name, "ref") || strstr(step->name, "count") ||
            strstr(step->name, "users") || strstr(step->name, "pins"));
}

static bool same_root(const struct ir_path *a, const struct ir_path *b)
{
    return a->root == b->root && a->index == b->index;
}

/* Whether the object that the place is in goes away in the function, too: then
 * no reader can be left. */
static bool owner_goes(const struct escape *e, uint8_t number)
{
    const struct ir_path *place = e->tracked[number].place;

    if (!place || (place->root != IR_ROOT_PARAM && place->root != IR_ROOT_LOCAL)) {
        return false;
    }
    for (guint c = 0; c < e->function->calls->len; c++) {
        const struct pcall *call = e->function->calls->pdata[c];

        for (guint t = 0; t < call->targets->len; t++) {
            const struct pfunction *target = call->targets->pdata[t];

            for (guint r = 0; target->rules[r]; r++) {
                const struct rule *rule = target->rules[r];
                const struct ir_value *value =
                    rule->lock >= 0 && (guint)rule->lock < call->event->args->len
                        ? rcu_strip(call->event->args->pdata[rule->lock])
                        : NULL;

                if (value && value->path &&
                    ((rule->kind == RULE_FREE && value->path->steps->len == 0) ||
                     rule->kind == RULE_DESTROY) &&
                    same_root(value->path, place)) {
                    return true;
                }
            }
        }
    }
    return false;
}

static void check_free(struct escape *e, const struct state *state, const struct ir_event *event,
                       uint8_t number)
{
    if (number == NOT_TRACKED || (state->old & bit(number)) == 0) {
        return;
    }
    if (e->seed_params) {
        e->summary->frees |= e->tracked[number].params;
        return;
    }
    if (!e->tracked[number].place || !owner_goes(e, number)) {
        report_escape(e, event, event->loc, number,
                      "%s is freed without a grace period: readers may still use it",
                      variable_name(e, number));
    }
}

/* free(q->head): the value never was in a variable. */
static void check_direct_free(struct escape *e, const struct ir_event *event,
                              const struct ir_value *value)
{
    const struct ir_variable *variable;
    struct finding *finding;

    value = rcu_strip(value);
    if (e->seed_params || !e->report || !value || value->kind != IR_VALUE_LOAD) {
        return;
    }
    variable = rcu_protected_at(e->rcu, value->path, e->function->ir);
    if (!variable || fresh_path(e->rcu->fresh, e->function, event, value->path) ||
        !g_hash_table_add(e->told, (gpointer)event)) {
        return;
    }
    finding = findings_add(e->rcu->findings, CHECK_RCU, SEVERITY_ERROR, event->loc,
                           e->function->ir->symbol,
                           "what %s points to is freed without a grace period: readers may "
                           "still use it",
                           variable->name);
    finding_note(finding, variable->loc, "%s is protected by RCU", variable->name);
}

void check_arguments(struct escape *e, struct state *state, const struct ir_event *event,
                     const struct pfunction *target)
{
    const struct rcu_summary *summary = &e->rcu->summaries[target->number];

    for (guint a = 0; a < event->args->len; a++) {
        uint8_t number = tracked_value(e, event->args->pdata[a]);
        bool frees = a < 64 && (summary->frees >> a & 1) != 0;

        for (guint r = 0; target->rules[r]; r++) {
            frees = frees || (target->rules[r]->kind == RULE_FREE &&
                              MAX(target->rules[r]->lock, 0) == (int)a);
        }
        if (frees) {
            check_free(e, state, event, number);
            if (number == NOT_TRACKED) {
                check_direct_free(e, event, event->args->pdata[a]);
            }
        } else if (number != NOT_TRACKED && a < 64 && (summary->derefs >> a & 1) != 0) {
            if (state->stale & bit(number)) {
                report_escape(e, event, event->loc, number,
                              "%s is passed to %s after the RCU read section that it was read in",
                              variable_name(e, number), target->ir->name);
            }
            e->summary->derefs |= e->tracked[number].params;
        }
        if (number != NOT_TRACKED &&
            (takes_reference(target->ir->name) && !frees && !target->rules[0])) {
            forget(state, bit(number));
        }
    }
}

/* Storing the pointer where it outlives the section. */
void check_store(struct escape *e, const struct state *state, const struct ir_event *event,
                 uint8_t from)
{
    if (((state->live | state->stale) & bit(from)) == 0 ||
        rcu_protected_at(e->rcu, event->path, e->function->ir) ||
        fresh_path(e->rcu->fresh, e->function, event, event->path) ||
        (event->path->root == IR_ROOT_LOCAL && !begins_with_deref(event->path)) ||
        (tracked_root(e, event->path) != NOT_TRACKED &&
         ((state->live | state->old) & bit(tracked_root(e, event->path))) != 0)) {
        return;
    }
    report_escape(e, event, event->loc, from,
                  "%s is kept in memory that outlives the RCU read section that it was read in",
                  variable_name(e, from));
}
