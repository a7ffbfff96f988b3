/* Data that several threads touch has to say how: guarded, atomic, immutable,
 * owned by a role, protected by RCU.
 *
 * Counted is who touches a global, or a field of a struct that more than one
 * thread can get at: of an object that hangs off a global or is handed to a
 * thread. Touching it before anybody else can see it does not count, nor does
 * what main() does before it starts the first thread or after it has joined.
 * Code that has no annotations at all cannot say it: there, sharing_locksets.c
 * looks for a lock that all accesses have in common. */
#include <string.h>

#include "contract.h"
#include "sharing.h"

static bool is_system(const char *file)
{
    return !file || g_str_has_prefix(file, "/usr/");
}

/* Types that are made to be shared. */
static bool synchronises(const struct program *program, const struct ir_type *type)
{
    static const char *const names[] = {
        "pthread_cond_t",
        "pthread_once_t",
        "pthread_barrier_t",
        "pthread_key_t",
        "pthread_rwlock_t",
        "pthread_mutex_t",
        "sem_t",
        "once_flag",
        "cnd_t",
        "mtx_t",
        "tss_t",
        "GCond",
        "GOnce",
        "GPrivate",
        "GMutex",
        "sig_atomic_t",
        "uv_cond_t",
        "uv_sem_t",
        "uv_once_t",
        "pthread_spinlock_t",
    };
    const struct ir_record *record = program_record(program, type->record);

    if (type->pointers > 0) {
        return false;
    }
    for (guint i = 0; type->name && i < G_N_ELEMENTS(names); i++) {
        if (strcmp(type->name, names[i]) == 0) {
            return true;
        }
    }
    return (type->name && rules_lock_type(program->rules, type->name)) ||
           (record && (annotation_has(record->annotations, ANNOTATION_CAPABILITY) ||
                       (record->name && rules_lock_type(program->rules, record->name))));
}

static bool says_how(const struct ir_variable *variable)
{
    static const enum annotation_kind kinds[] = {ANNOTATION_GUARDED_BY, ANNOTATION_IMMUTABLE,
                                                 ANNOTATION_OWNED_BY, ANNOTATION_RCU,
                                                 ANNOTATION_CAPABILITY};

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (annotation_has(variable->annotations, kinds[i])) {
            return true;
        }
    }
    return false;
}

/* A global that says it speaks for what it consists of. */
static bool root_says_how(const struct program *program, const struct ir_path *path)
{
    const struct ir_variable *root =
        path->root == IR_ROOT_GLOBAL ? program_global(program, path->symbol) : NULL;

    for (guint i = 0; i < path->steps->len; i++) {
        if (g_array_index(path->steps, struct ir_step, i).kind == IR_STEP_DEREF) {
            return false;
        }
    }
    return root && says_how(root);
}

/* A struct may say it for all of its fields. */
static bool says_how_as_a_whole(const struct ir_record *record)
{
    return record && (annotation_has(record->annotations, ANNOTATION_IMMUTABLE) ||
                      annotation_has(record->annotations, ANNOTATION_OWNED_BY));
}

static bool needs_owner(const struct sharing *sharing, const struct ir_variable *variable,
                        const struct ir_record *record)
{
    const struct ir_type *type = &variable->type;

    return !type->is_const && !type->atomic && !variable->thread_local &&
           !is_system(variable->loc.file) && !synchronises(sharing->program, type) &&
           !says_how(variable) && !says_how_as_a_whole(record);
}

/* A struct is looked at field by field. */
static bool is_struct(const struct program *program, const struct ir_variable *variable)
{
    const struct ir_record *record = program_record(program, variable->type.record);

    return variable->type.pointers == 0 && record && record->fields->len > 0;
}

bool sharing_access(const struct sharing *sharing, const struct pfunction *function,
                    const struct ir_event *event, const struct ir_variable **variable,
                    const struct ir_record **record, bool *writes)
{
    const struct ir_path *path = event->path;
    guint at = path ? path->steps->len : 0;
    bool pointee = false;
    const struct ir_step *step = NULL;

    if (event->kind == IR_CALL || !path || event->atomic) {
        return false;
    }
    for (; at > 0; at--) {
        step = &g_array_index(path->steps, struct ir_step, at - 1);
        if (step->kind == IR_STEP_FIELD) {
            break;
        }
        pointee = pointee || step->kind == IR_STEP_DEREF;
    }
    *record = at > 0 ? program_record(sharing->program, step->record) : NULL;
    *variable = program_variable(sharing->program, path, function->ir);
    *writes = event->kind != IR_READ && !pointee;
    if (!*variable || (at == 0 && path->root != IR_ROOT_GLOBAL) || (at > 0 && !*record) ||
        (event->kind != IR_READ && pointee)) {
        return false;
    }
    if (annotation_has(function->annotations, ANNOTATION_ALONE) ||
        fresh_path(sharing->fresh, function, event, path)) {
        return false;
    }
    return strcmp(function->ir->name, "main") != 0 ||
           phase_at(sharing->phases, function, event) == PHASE_THREADED;
}

char *sharing_name(const struct usage *usage)
{
    return usage->record && usage->record->name
               ? g_strdup_printf("%s.%s", usage->record->name, usage->variable->name)
               : g_strdup(usage->variable->name);
}

static const char *kind_of(const struct entry *entry)
{
    return entry->role ? entry->role : entry->function->ir->symbol;
}

void sharing_note_touchers(struct finding *finding, const struct usage *usage)
{
    for (guint i = 0; i < usage->touchers->len && i < 4; i++) {
        const struct toucher *t = &g_array_index(usage->touchers, struct toucher, i);

        if (!t->entry) {
            finding_note(finding, t->loc, "%s %s it, on whatever thread calls that",
                         t->function->ir->name, t->writes ? "writes" : "reads");
        } else {
            finding_note(finding, t->loc, "%s %s it, on %s %s%s", t->function->ir->name,
                         t->writes ? "writes" : "reads",
                         t->entry->role ? "a thread of role" : "the thread of",
                         t->entry->role ? t->entry->role : t->entry->function->ir->name,
                         t->entry->many ? ", of which there may be several" : "");
        }
    }
}

static void usage_free(void *data)
{
    struct usage *usage = data;

    g_array_unref(usage->touchers);
    if (usage->locks) {
        g_hash_table_unref(usage->locks);
        g_array_unref(usage->seen);
    }
    g_free(usage);
}

static void add_toucher(struct usage *usage, const struct entry *entry,
                        const struct pfunction *function, struct ir_loc loc, bool writes)
{
    struct toucher toucher = {entry, function, loc, writes};

    for (guint i = 0; i < usage->touchers->len; i++) {
        struct toucher *t = &g_array_index(usage->touchers, struct toucher, i);

        if (t->entry == entry || (t->entry && entry && kind_of(t->entry) == kind_of(entry))) {
            if (writes && !t->writes) {
                *t = toucher;
            }
            return;
        }
    }
    g_array_append_val(usage->touchers, toucher);
    if (entry) {
        usage->kinds += entry->many ? 2 : 1;
    }
}

static void count_event(struct sharing *sharing, const struct pfunction *function,
                        const struct ir_event *event)
{
    const GPtrArray *entries = entries_of(sharing->entries, function);
    const struct ir_variable *variable;
    const struct ir_record *record;
    struct usage *usage;
    bool writes;

    if (!sharing_access(sharing, function, event, &variable, &record, &writes) ||
        !needs_owner(sharing, variable, record) || root_says_how(sharing->program, event->path)) {
        return;
    }
    usage = g_hash_table_lookup(sharing->usages, variable);
    if (!usage) {
        usage = g_new0(struct usage, 1);
        usage->variable = variable;
        usage->record = record;
        usage->touchers = g_array_new(FALSE, FALSE, sizeof(struct toucher));
        g_hash_table_insert(sharing->usages, (gpointer)variable, usage);
    }
    usage->written = usage->written || writes;
    for (guint i = 0; entries && i < entries->len; i++) {
        add_toucher(usage, entries->pdata[i], function, event->loc, writes);
    }
    if (!entries) {
        add_toucher(usage, NULL, function, event->loc, writes);
    }
}

static void count_function(struct sharing *sharing, const struct pfunction *function)
{
    const GPtrArray *blocks = function->ir->blocks;

    if (!blocks || function->builtin || strcmp(function->ir->symbol, IR_INIT_SYMBOL) == 0) {
        return;
    }
    for (guint b = 0; b < blocks->len; b++) {
        const struct ir_block *block = blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            count_event(sharing, function, block->events->pdata[e]);
        }
    }
}

static bool has_threads(const struct entries *entries)
{
    for (guint i = 0; i < entries->list->len; i++) {
        const struct entry *entry = entries->list->pdata[i];

        if (strcmp(entry->function->ir->name, "main") != 0) {
            return true;
        }
    }
    return false;
}

/* A program with a main() that starts nothing has one thread. */
static bool single_threaded(const struct sharing *sharing)
{
    return !has_threads(sharing->entries) && sharing->entries->list->len > 0;
}

static bool by_place(const struct ir_loc *a, const struct ir_loc *b)
{
    int order = g_strcmp0(a->file, b->file);

    return order != 0 ? order < 0 : a->line < b->line;
}

static int usage_order(gconstpointer a, gconstpointer b)
{
    const struct usage *left = *(const struct usage *const *)a;
    const struct usage *right = *(const struct usage *const *)b;

    return by_place(&left->variable->loc, &right->variable->loc)   ? -1
           : by_place(&right->variable->loc, &left->variable->loc) ? 1
                                                                   : 0;
}

static void report_unannotated(struct sharing *sharing, const struct usage *usage)
{
    char *name = sharing_name(usage);
    struct finding *finding =
        findings_add(sharing->findings, CHECK_SHARING, SEVERITY_ERROR, usage->variable->loc, NULL,
                     usage->record ? "%s is touched by several threads and does not say who may"
                                   : "%s can be touched by any thread and does not say who may",
                     name);

    sharing_note_touchers(finding, usage);
    g_free(name);
}

static void check_usages(struct sharing *sharing)
{
    GHashTable *records = sharing_reachable_records(sharing);
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, sharing->usages);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct usage *usage = value;

        if (!usage->written || is_struct(sharing->program, usage->variable)) {
            continue;
        }
        if (usage->record ? usage->kinds >= 2 && g_hash_table_contains(records, usage->record->key)
                          : usage->variable->definition) {
            g_ptr_array_add(list, (gpointer)usage);
        }
    }
    g_ptr_array_sort(list, usage_order);
    for (guint i = 0; i < list->len; i++) {
        report_unannotated(sharing, list->pdata[i]);
    }
    g_ptr_array_unref(list);
    g_hash_table_unref(records);
}

void check_sharing(struct program *program, struct findings *findings)
{
    struct sharing sharing = {.program = program, .findings = findings};

    sharing.entries = entries_new(program);
    if (single_threaded(&sharing) || (!program->annotated && !has_threads(sharing.entries))) {
        entries_free(sharing.entries);
        return;
    }
    sharing.phases = phases_new(program);
    sharing.fresh = fresh_new(program);
    sharing.usages = g_hash_table_new_full(NULL, NULL, NULL, usage_free);
    entries_reach(sharing.entries, sharing.phases);
    for (guint i = 0; i < program->functions->len; i++) {
        count_function(&sharing, program->functions->pdata[i]);
    }
    if (program->annotated) {
        check_usages(&sharing);
    } else {
        sharing_check_locksets(&sharing);
    }
    g_hash_table_unref(sharing.usages);
    fresh_free(sharing.fresh);
    phases_free(sharing.phases);
    entries_free(sharing.entries);
}
