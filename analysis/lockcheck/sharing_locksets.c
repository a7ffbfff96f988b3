/* For programs without annotations: data that two threads touch, at least one
 * of them writing, with no lock that is held at all accesses.
 *
 * Which locks are surely held where a function is entered is what all its
 * callers hold there; callers are visited before callees, and members of a
 * recursion are taken to hold what the callers outside of it hold. Locks are
 * compared by class. A field of an object that is not a global is reported
 * only if most accesses do hold a lock: objects are often handed from one
 * thread to another, and then need none. */
#include <string.h>

#include "contract.h"
#include "sharing.h"

struct locksets {
    struct sharing *sharing;
    GPtrArray **entry; /* by function number: of struct lock_class; NULL: not called yet */
};

static bool contains(const GPtrArray *classes, const struct lock_class *class)
{
    for (guint i = 0; i < classes->len; i++) {
        if (classes->pdata[i] == class) {
            return true;
        }
    }
    return false;
}

/* What the state and the function's callers hold. */
static GPtrArray *held_now(const struct locksets *l, const struct pfunction *function,
                           const struct flow_state *state)
{
    const GPtrArray *entry = l->entry[function->number];
    GPtrArray *classes = g_ptr_array_new();

    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        const struct lock_class *class = flow_held(state, i)->class;

        if (class && !class->rcu && !class->role && !contains(classes, class)) {
            g_ptr_array_add(classes, (gpointer) class);
        }
    }
    for (guint i = 0; entry && i < entry->len; i++) {
        if (!contains(classes, entry->pdata[i])) {
            g_ptr_array_add(classes, entry->pdata[i]);
        }
    }
    return classes;
}

static void intersect(GPtrArray **with, const GPtrArray *classes)
{
    if (!*with) {
        *with = g_ptr_array_new();
        for (guint i = 0; i < classes->len; i++) {
            g_ptr_array_add(*with, classes->pdata[i]);
        }
        return;
    }
    for (guint i = (*with)->len; i > 0; i--) {
        if (!contains(classes, (*with)->pdata[i - 1])) {
            g_ptr_array_remove_index_fast(*with, i - 1);
        }
    }
}

static bool is_candidate(const struct usage *usage)
{
    return usage && usage->written && usage->kinds >= 2 && !usage->variable->type.is_volatile;
}

static void visit_access(struct locksets *l, const struct pfunction *function,
                         const struct ir_event *event, const struct flow_state *state)
{
    const struct ir_variable *variable;
    const struct ir_record *record;
    struct usage *usage;
    GPtrArray *held;
    bool writes;

    if (!sharing_access(l->sharing, function, event, &variable, &record, &writes)) {
        return;
    }
    usage = g_hash_table_lookup(l->sharing->usages, variable);
    if (!is_candidate(usage) || !entries_of(l->sharing->entries, function)) {
        return;
    }
    held = held_now(l, function, state);
    intersect(&usage->common, held);
    if (held->len > 0) {
        usage->locked++;
    } else {
        usage->unlocked++;
        if (!usage->bare_function) {
            usage->bare = event->loc;
            usage->bare_function = function;
        }
    }
    g_ptr_array_unref(held);
}

static void visit(void *context, struct pfunction *function, const struct ir_block *block,
                  const struct ir_event *event, const struct flow_state *state)
{
    struct locksets *l = context;
    const struct pcall *call;
    const GPtrArray *lists[2];
    GPtrArray *held;

    (void)block;
    if (!event) {
        return;
    }
    if (event->kind != IR_CALL) {
        visit_access(l, function, event, state);
        return;
    }
    call = program_call(l->sharing->program, event);
    if (!call) {
        return;
    }
    lists[0] = call->targets;
    lists[1] = call->callbacks;
    held = held_now(l, function, state);
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
        for (guint t = 0; lists[i] && t < lists[i]->len; t++) {
            intersect(&l->entry[((struct pfunction *)lists[i]->pdata[t])->number], held);
        }
    }
    g_ptr_array_unref(held);
}

/* Entries are called by nobody that holds anything. */
static void clear_entries(struct locksets *l)
{
    GPtrArray *none = g_ptr_array_new();

    for (guint i = 0; i < l->sharing->entries->list->len; i++) {
        const struct entry *entry = l->sharing->entries->list->pdata[i];

        intersect(&l->entry[entry->function->number], none);
    }
    g_ptr_array_unref(none);
}

/* A field of heap objects that is nearly always locked. */
static bool usually_locked(const struct usage *usage)
{
    return usage->locked >= 2 && usage->unlocked > 0 && usage->locked >= 2 * usage->unlocked;
}

static void report(struct locksets *l, const struct usage *usage)
{
    struct finding *finding;
    char *name;

    if (!is_candidate(usage) || !usage->common || usage->common->len > 0 ||
        (usage->record && !usage->in_global && !usually_locked(usage))) {
        return;
    }
    if (usage->variable->type.record && usage->variable->type.pointers == 0) {
        return;
    }
    name = sharing_name(usage);
    finding = findings_add(l->sharing->findings, CHECK_SHARING, SEVERITY_WARNING,
                           usage->variable->loc, NULL,
                           "%s is touched by several threads, and no lock is held at all "
                           "accesses",
                           name);
    g_free(name);
    sharing_note_touchers(finding, usage);
    if (usage->bare_function) {
        finding_note(finding, usage->bare, "no lock is held in %s here",
                     usage->bare_function->ir->name);
    }
}

static int usage_order(gconstpointer a, gconstpointer b)
{
    const struct ir_loc *left = &(*(const struct usage *const *)a)->variable->loc;
    const struct ir_loc *right = &(*(const struct usage *const *)b)->variable->loc;
    int order = g_strcmp0(left->file, right->file);

    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static void report_all(struct locksets *l)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, l->sharing->usages);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_ptr_array_add(list, value);
    }
    g_ptr_array_sort(list, usage_order);
    for (guint i = 0; i < list->len; i++) {
        report(l, list->pdata[i]);
    }
    g_ptr_array_unref(list);
}

void sharing_check_locksets(struct sharing *sharing)
{
    const GPtrArray *components = program_components(sharing->program);
    struct locksets l = {.sharing = sharing};

    l.entry = g_new0(GPtrArray *, sharing->program->functions->len + 1);
    clear_entries(&l);
    for (guint c = components->len; c > 0; c--) {
        const GPtrArray *component = components->pdata[c - 1];

        for (guint i = 0; i < component->len; i++) {
            struct pfunction *function = component->pdata[i];

            if (function->ir->blocks && !function->builtin &&
                strcmp(function->ir->symbol, IR_INIT_SYMBOL) != 0) {
                flow_visit(sharing->program, function, visit, &l);
            }
        }
    }
    report_all(&l);
    for (guint i = 0; i < sharing->program->functions->len; i++) {
        if (l.entry[i]) {
            g_ptr_array_unref(l.entry[i]);
        }
    }
    g_free(l.entry);
}
