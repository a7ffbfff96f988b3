/* Which functions run on threads of which role.
 *
 * From each entry of a known role the calls are followed, with the set of
 * roles that the thread has: the entry's own, and those that a function on the
 * way takes up. A call to a function that is bound to other roles is an error
 * where it is made; what that function does is its own role's business, so it
 * is not followed further. Data that is owned by a role and touched on the way
 * is an error as well, unless nobody else can see it yet. Entries whose role
 * nobody states prove nothing and are left alone. */
#include "contract.h"
#include "entries.h"
#include "fresh.h"
#include "phase.h"

#define MAX_NOTES 32

/* A function as reached on one way. */
struct step {
    struct pfunction *function;
    role_set roles;
    bool early; /* called by main before there were threads */
    int32_t from;
    const struct pcall *call;
};

struct roles {
    struct program *program;
    struct findings *findings;
    struct entries *entries;
    struct fresh *fresh;
    struct phases *phases;
    const struct entry *entry;
    GArray *steps;    /* of struct step: breadth first, so that paths are short */
    GHashTable *seen; /* function number and roles, of this entry */
    GHashTable *told; /* struct ir_event: reported already */
};

static void note_path(const struct roles *r, struct finding *finding, guint at)
{
    const struct entry *entry = r->entry;
    GArray *way = g_array_new(FALSE, FALSE, sizeof(int32_t));

    for (int32_t i = (int32_t)at; g_array_index(r->steps, struct step, i).call;
         i = g_array_index(r->steps, struct step, i).from) {
        g_array_append_val(way, i);
    }
    finding_note(finding, entry->loc, "%s is %s, role %s", entry->function->ir->name, entry->reason,
                 entry->role);
    for (guint i = way->len; i > 0; i--) {
        if (i > MAX_NOTES && i < way->len - MAX_NOTES) {
            continue; /* of a very long way the two ends are enough */
        }
        const struct step *step =
            &g_array_index(r->steps, struct step, g_array_index(way, int32_t, i - 1));

        finding_note(finding, step->call->event->loc, "%s calls %s", step->call->caller->ir->name,
                     step->function->ir->name);
    }
    g_array_unref(way);
}

static void add_step(struct roles *r, struct pfunction *function, role_set roles, bool early,
                     int32_t from, const struct pcall *call)
{
    struct step step = {
        .function = function, .roles = roles, .early = early, .from = from, .call = call};
    char *key;

    if (!function->ir->blocks || function->builtin) {
        return;
    }
    key = g_strdup_printf("%u %" G_GINT64_MODIFIER "x %d", function->number, roles, early);
    if (g_hash_table_add(r->seen, key)) {
        g_array_append_val(r->steps, step);
    }
}

/* A call to what is bound to roles that the thread has not. */
static void report_call(struct roles *r, guint at, const struct pcall *call, const char *callee,
                        const char *wanted, struct ir_loc loc)
{
    const struct step *step = &g_array_index(r->steps, struct step, at);
    struct finding *finding;

    if (!g_hash_table_add(r->told, call->event)) {
        return;
    }
    finding = findings_add(r->findings, CHECK_ROLE, SEVERITY_ERROR, call->event->loc,
                           step->function->ir->symbol,
                           "%s belongs on threads of role %s, and this runs on one of role %s",
                           callee, wanted, r->entry->role);
    note_path(r, finding, at);
    finding_note(finding, loc, "%s is bound to role %s here", callee, wanted);
}

/* Calls through a pointer are the contract's business, not its targets'. */
static bool check_pointer(struct roles *r, guint at, const struct pcall *call, role_set roles)
{
    const char *role;
    role_set wanted;

    if (!call->slot) {
        return false;
    }
    role = contract_role(call->slot->annotations, ANNOTATION_ROLE);
    wanted = entries_role(r->entries, role);
    if (wanted == 0) {
        return role != NULL;
    }
    if ((wanted & roles) == 0) {
        report_call(r, at, call, call->slot->name, role, call->slot->loc);
    }
    return true;
}

static void follow_call(struct roles *r, guint at, const struct pcall *call, bool main)
{
    const struct step *step = &g_array_index(r->steps, struct step, at);
    role_set roles = step->roles | r->entries->enters[step->function->number];
    bool early =
        step->early || (main && phase_at(r->phases, step->function, call->event) == PHASE_ALONE);
    const GPtrArray *lists[] = {call->targets, call->callbacks};

    if (check_pointer(r, at, call, roles)) {
        return;
    }
    for (guint l = 0; l < G_N_ELEMENTS(lists); l++) {
        for (guint t = 0; lists[l] && t < lists[l]->len; t++) {
            struct pfunction *target = lists[l]->pdata[t];
            role_set bound = r->entries->bound[target->number];
            bool by_role = annotation_has(target->annotations, ANNOTATION_ROLE);

            if (bound != 0 && (bound & roles) == 0 && by_role) {
                report_call(r, at, call, target->ir->name, entries_role_name(r->entries, bound),
                            target->ir->loc);
            } else if (bound == 0) {
                add_step(r, target, roles, early, (int32_t)at, call);
            }
        }
    }
}

/* A struct may say who owns all of its fields that say nothing themselves. */
static const char *owner_of(const struct ir_variable *variable, const struct ir_record *record)
{
    const char *owner = contract_role(variable->annotations, ANNOTATION_OWNED_BY);

    if (owner || !record || variable->type.atomic ||
        annotation_has(variable->annotations, ANNOTATION_GUARDED_BY) ||
        annotation_has(variable->annotations, ANNOTATION_IMMUTABLE) ||
        annotation_has(variable->annotations, ANNOTATION_RCU)) {
        return owner;
    }
    return contract_role(record->annotations, ANNOTATION_OWNED_BY);
}

static const struct ir_variable *owned_variable(const struct roles *r, const struct ir_function *ir,
                                                const struct ir_path *path, role_set *owner)
{
    const struct ir_variable *variable = program_variable(r->program, path, ir);
    const struct ir_record *record = NULL;

    for (guint i = path->steps->len; i > 0 && !record; i--) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i - 1);

        if (step->kind == IR_STEP_FIELD) {
            record = program_record(r->program, step->record);
            break;
        }
    }
    *owner = variable ? entries_role(r->entries, owner_of(variable, record)) : 0;
    return variable;
}

static void check_access(struct roles *r, guint at, const struct ir_event *event, role_set roles)
{
    const struct step *step = &g_array_index(r->steps, struct step, at);
    const struct pfunction *function = step->function;
    const struct ir_variable *variable;
    struct finding *finding;
    role_set owner;

    variable = owned_variable(r, function->ir, event->path, &owner);
    if (owner == 0 || (owner & roles) != 0 || fresh_path(r->fresh, function, event, event->path) ||
        g_hash_table_contains(r->told, event)) {
        return;
    }
    g_hash_table_add(r->told, (gpointer)event);
    finding =
        findings_add(r->findings, CHECK_ROLE, SEVERITY_ERROR, event->loc, function->ir->symbol,
                     "%s belongs to threads of role %s, and this runs on one of role %s",
                     variable->name, entries_role_name(r->entries, owner), r->entry->role);
    note_path(r, finding, at);
    finding_note(finding, variable->loc, "%s is declared as owned by role %s here", variable->name,
                 entries_role_name(r->entries, owner));
}

static void visit(struct roles *r, guint at)
{
    struct step step = g_array_index(r->steps, struct step, at);
    const GPtrArray *blocks = step.function->ir->blocks;
    role_set roles = step.roles | r->entries->enters[step.function->number];
    bool main = step.from < 0 && g_strcmp0(step.function->ir->name, "main") == 0;

    for (guint c = 0; c < step.function->calls->len; c++) {
        follow_call(r, at, step.function->calls->pdata[c], main);
    }
    for (guint b = 0; !step.early && b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind != IR_CALL &&
                !(main && phase_at(r->phases, step.function, event) != PHASE_THREADED)) {
                check_access(r, at, event, roles);
            }
        }
    }
}

static void walk_entry(struct roles *r, const struct entry *entry)
{
    role_set roles = entries_role(r->entries, entry->role);
    role_set bound = r->entries->bound[entry->function->number];

    if (roles == 0 || entry->function->builtin) {
        return;
    }
    r->entry = entry;
    g_array_set_size(r->steps, 0);
    g_hash_table_remove_all(r->seen);
    if (bound != 0 && (bound & roles) == 0 &&
        annotation_has(entry->function->annotations, ANNOTATION_ROLE)) {
        struct finding *finding = findings_add(
            r->findings, CHECK_ROLE, SEVERITY_ERROR, entry->loc, NULL,
            "%s belongs on threads of role %s, and is %s, role %s", entry->function->ir->name,
            entries_role_name(r->entries, bound), entry->reason, entry->role);

        finding_note(finding, entry->function->ir->loc, "%s is bound to role %s here",
                     entry->function->ir->name, entries_role_name(r->entries, bound));
        return;
    }
    add_step(r, entry->function, roles, false, -1, NULL);
    for (guint at = 0; at < r->steps->len; at++) {
        visit(r, at);
    }
}

void check_roles(struct program *program, struct findings *findings)
{
    struct roles r = {.program = program, .findings = findings};

    r.entries = entries_new(program);
    if (r.entries->roles->len == 0) {
        entries_free(r.entries);
        return;
    }
    r.fresh = fresh_new(program);
    r.phases = phases_new(program);
    r.steps = g_array_new(FALSE, FALSE, sizeof(struct step));
    r.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    r.told = g_hash_table_new(NULL, NULL);
    for (guint i = 0; i < r.entries->list->len; i++) {
        walk_entry(&r, r.entries->list->pdata[i]);
    }
    g_hash_table_unref(r.told);
    g_hash_table_unref(r.seen);
    g_array_unref(r.steps);
    phases_free(r.phases);
    fresh_free(r.fresh);
    entries_free(r.entries);
}
