/* See entries.h. Entries come from rules (pthread_create's third argument),
 * from annotations on parameters, pointers and functions, and from main. A
 * function that is bound to a role, and called by nobody, is where some thread
 * of that role comes from as well. */
#include "entries.h"

#include <string.h>

#include "contract.h"

#define MAX_ROLES 64

role_set entries_role(const struct entries *entries, const char *role)
{
    for (guint i = 0; role && i < entries->roles->len; i++) {
        if (entries->roles->pdata[i] == role) {
            return UINT64_C(1) << i;
        }
    }
    return 0;
}

const char *entries_role_name(const struct entries *entries, role_set roles)
{
    for (guint i = 0; i < entries->roles->len; i++) {
        if ((roles >> i & 1) != 0) {
            return entries->roles->pdata[i];
        }
    }
    return "unknown";
}

static role_set add_role(struct entries *entries, const char *role)
{
    role_set known = entries_role(entries, role);

    if (known == 0 && role && entries->roles->len < MAX_ROLES) {
        g_ptr_array_add(entries->roles, (gpointer)role);
        known = entries_role(entries, role);
    }
    return known;
}

static struct entry *find_entry(const struct entries *entries, const struct pfunction *function,
                                const char *role)
{
    for (guint i = 0; i < entries->list->len; i++) {
        struct entry *entry = entries->list->pdata[i];

        if (entry->function == function && entry->role == role) {
            return entry;
        }
    }
    return NULL;
}

static void add_entry(struct entries *entries, struct pfunction *function, const char *role,
                      struct ir_loc loc, const char *reason, bool thread)
{
    struct entry *entry;

    if (!function->ir->blocks) {
        return;
    }
    if (!role) {
        role = contract_role(function->annotations, ANNOTATION_THREAD_ENTRY);
    }
    if (!role) {
        role = contract_role(function->annotations, ANNOTATION_ROLE);
    }
    entry = find_entry(entries, function, role);
    if (entry) {
        if (thread && entry->thread &&
            (entry->loc.line != loc.line || entry->loc.file != loc.file)) {
            entry->many = true;
        }
        entry->thread = entry->thread || thread;
        return;
    }
    entry = g_new0(struct entry, 1);
    entry->function = function;
    entry->role = role;
    entry->loc = loc;
    entry->reason = reason;
    entry->thread = thread;
    add_role(entries, role);
    g_ptr_array_add(entries->list, entry);
}

static void add_rule_entries(struct entries *entries, const struct pcall *call,
                             const struct rule *rule)
{
    const struct pfunction *caller = call->caller;
    GPtrArray *functions;

    if (rule->callback < 0 || (guint)rule->callback >= call->event->args->len ||
        (rule->kind != RULE_THREAD_CREATE && rule->kind != RULE_CALLBACK_LATER &&
         rule->kind != RULE_RCU_CALL)) {
        return;
    }
    functions = program_value_functions(entries->program, caller->ir,
                                        call->event->args->pdata[rule->callback]);
    for (guint i = 0; i < functions->len; i++) {
        bool thread = rule->kind == RULE_THREAD_CREATE;
        const char *role = rule->role                    ? role_name(rule->role)
                           : rule->kind == RULE_RCU_CALL ? role_name("rcu")
                                                         : NULL;

        add_entry(entries, functions->pdata[i], role, call->event->loc,
                  thread ? "started as a thread here" : "handed over here to be called later",
                  thread);
        if (thread && entries_in_loop(caller->ir, call->event)) {
            for (guint e = 0; e < entries->list->len; e++) {
                struct entry *entry = entries->list->pdata[e];

                entry->many = entry->many || entry->function == functions->pdata[i];
            }
        }
    }
    g_ptr_array_unref(functions);
}

static void add_call_entries(struct entries *entries, const struct pfunction *caller)
{
    const GPtrArray *blocks = caller->ir->blocks;

    for (guint b = 0; blocks && b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];
            const struct pcall *call =
                event->kind == IR_CALL ? program_call(entries->program, event) : NULL;

            for (guint t = 0; call && t < call->targets->len; t++) {
                const struct pfunction *target = call->targets->pdata[t];

                for (guint r = 0; target->rules[r]; r++) {
                    add_rule_entries(entries, call, target->rules[r]);
                }
            }
        }
    }
}

static void add_slot_entries(struct entries *entries, const struct pslot *slot)
{
    const char *role = contract_role(slot->annotations, ANNOTATION_THREAD_ENTRY);
    bool thread = annotation_has(slot->annotations, ANNOTATION_THREAD_ENTRY);

    if (!thread) {
        role = contract_role(slot->annotations, ANNOTATION_ROLE);
    }
    if (!thread && !role) {
        return;
    }
    for (guint i = 0; i < slot->functions->len; i++) {
        add_entry(entries, slot->functions->pdata[i], role,
                  g_array_index(slot->origins, struct ir_loc, i),
                  thread ? "handed over here to run on such a thread"
                         : "stored here to be called on such a thread",
                  false);
    }
}

/* A role that is a lock object of capability type "role", as in
 * REQUIRES(vcpu_role). */
static const char *capability_role(const struct program *program, const struct ir_path *path)
{
    const struct ir_variable *global;
    const struct ir_record *record;
    struct annotation annotation;
    const char *role = NULL;

    if (!path || path->root != IR_ROOT_GLOBAL || path->steps->len > 0) {
        return NULL;
    }
    global = program_global(program, path->symbol);
    record = global ? program_record(program, global->type.record) : NULL;
    if (record && annotation_find(record->annotations, ANNOTATION_CAPABILITY, &annotation)) {
        if (annotation.arguments->len > 0 &&
            strcmp(role_name(annotation.arguments->pdata[0]), "role") == 0) {
            role = role_name(global->name);
        }
        annotation_clear(&annotation);
    }
    return role;
}

/* Where some thread of the role comes from. */
static void add_bound(struct entries *entries, struct pfunction *function, const char *role,
                      const char *reason)
{
    if (function->ir->blocks && !find_entry(entries, function, role)) {
        add_entry(entries, function, role, function->ir->loc, reason, false);
        ((struct entry *)entries->list->pdata[entries->list->len - 1])->bound = true;
    }
}

static void find_bound(struct entries *entries, struct pfunction *function)
{
    GPtrArray *items = contract_items(entries->program, function->annotations, function->ir);
    const char *role = contract_role(function->annotations, ANNOTATION_ROLE);
    role_set *bound = &entries->bound[function->number];

    if (role) {
        *bound |= add_role(entries, role);
    }
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = items->pdata[i];

        if (contract_is_requirement(item->kind)) {
            *bound |= add_role(entries, capability_role(entries->program, item->path));
        }
    }
    g_ptr_array_unref(items);
    if (*bound != 0) {
        add_bound(entries, function, entries_role_name(entries, *bound), "bound to the role here");
    }
}

/* Roles that a call takes up: thread_role_enter(&vcpu_role). */
static role_set entered_by(struct entries *entries, const struct pcall *call)
{
    role_set roles = 0;

    for (guint t = 0; t < call->targets->len; t++) {
        const struct pfunction *target = call->targets->pdata[t];
        GPtrArray *items = contract_items(entries->program, target->annotations, target->ir);

        for (guint i = 0; i < items->len; i++) {
            const struct contract_item *item = items->pdata[i];
            struct ir_path *path = contract_is_acquire(item->kind) && item->path
                                       ? program_bind_path(item->path, call->event->args)
                                       : NULL;

            roles |= add_role(entries, capability_role(entries->program, path));
            ir_path_free(path);
        }
        g_ptr_array_unref(items);
    }
    return roles;
}

static void add_annotated(struct entries *entries, struct pfunction *function)
{
    if (annotation_has(function->annotations, ANNOTATION_THREAD_ENTRY)) {
        add_entry(entries, function, contract_role(function->annotations, ANNOTATION_THREAD_ENTRY),
                  function->ir->loc, "declared as the start of a thread here", true);
    }
    if (strcmp(function->ir->name, "main") == 0 && !function->ir->is_static) {
        const char *main_role = role_name("main");

        add_entry(entries, function, entries_role(entries, main_role) != 0 ? main_role : NULL,
                  function->ir->loc, "where the program begins", true);
    }
}

static void collect_owner(struct entries *entries, const struct ir_variable *variable)
{
    const char *owner = contract_role(variable->annotations, ANNOTATION_OWNED_BY);

    if (owner == role_name("main")) {
        add_role(entries, owner);
    }
}

/* Roles that annotations name; "main" is one only if something names it. */
static void collect_roles(struct entries *entries)
{
    const struct program *program = entries->program;
    GHashTableIter iter;
    gpointer value;

    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        add_role(entries, contract_role(function->annotations, ANNOTATION_ROLE));
        add_role(entries, contract_role(function->annotations, ANNOTATION_THREAD_ENTRY));
    }
    g_hash_table_iter_init(&iter, program->globals);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        collect_owner(entries, value);
    }
    g_hash_table_iter_init(&iter, program->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ir_record *record = value;

        for (guint i = 0; i < record->fields->len; i++) {
            collect_owner(entries, record->fields->pdata[i]);
        }
    }
}

struct entries *entries_new(struct program *program)
{
    struct entries *entries = g_new0(struct entries, 1);
    const GPtrArray *functions = program->functions;

    entries->program = program;
    entries->list = g_ptr_array_new_with_free_func(g_free);
    entries->roles = g_ptr_array_new();
    entries->bound = g_new0(role_set, functions->len + 1);
    entries->enters = g_new0(role_set, functions->len + 1);
    collect_roles(entries);
    for (guint i = 0; i < functions->len; i++) {
        add_call_entries(entries, functions->pdata[i]);
    }
    for (guint i = 0; i < program->slots->len; i++) {
        add_slot_entries(entries, program->slots->pdata[i]);
    }
    for (guint i = 0; i < functions->len; i++) {
        add_annotated(entries, functions->pdata[i]);
    }
    for (guint i = 0; i < functions->len; i++) {
        struct pfunction *function = functions->pdata[i];

        find_bound(entries, function);
        for (guint c = 0; c < function->calls->len; c++) {
            const struct pcall *call = function->calls->pdata[c];
            bool plain = true;

            for (guint t = 0; plain && t < call->targets->len; t++) {
                const struct pfunction *target = call->targets->pdata[t];

                plain = !annotation_has(target->annotations, ANNOTATION_ACQUIRE);
            }
            if (!plain) {
                entries->enters[i] |= entered_by(entries, call);
            }
        }
        if (entries->enters[i] != 0) {
            add_bound(entries, function, entries_role_name(entries, entries->enters[i]),
                      "where a thread takes up the role");
        }
    }
    return entries;
}

void entries_free(struct entries *entries)
{
    if (entries) {
        entries_free_reach(entries);
        g_ptr_array_unref(entries->list);
        g_ptr_array_unref(entries->roles);
        g_free(entries->bound);
        g_free(entries->enters);
        g_free(entries);
    }
}
