/* For programs without annotations: data that threads touch under a lock most
 * of the time, and sometimes not.
 *
 * Nobody has said what a lock guards, so it is taken from the code: if three
 * quarters of all accesses to a variable hold a lock of one class, that lock is
 * meant, and the others have forgotten it. What is never locked is left alone
 * unless it is a global that several threads write: most of it is set up once,
 * handed over, or meant to be so. Functions that set up or tear down are not
 * counted, and what main() alone does is no evidence of a race.
 *
 * Which locks are surely held where a function is entered is what all its
 * callers hold there; callers are visited before callees, and members of a
 * recursion are taken to hold what the callers outside of it hold. Locks are
 * compared by class. */
#include <string.h>

#include "contract.h"
#include "sharing.h"

#define MAX_ACCESSES 1000

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

static void access_clear(void *data)
{
    g_ptr_array_unref(((struct locked_access *)data)->held);
}

/* Takes `held` over. A place that several states or callers reach counts once,
 * with what is held in all of them. */
static void note_access(struct usage *usage, const struct pfunction *function, struct ir_loc loc,
                        bool writes, GPtrArray *held)
{
    struct locked_access access = {
        .function = function, .loc = loc, .held = held, .writes = writes};

    if (!usage->locks) {
        usage->locks = g_hash_table_new(NULL, NULL);
        usage->seen = g_array_new(FALSE, FALSE, sizeof(struct locked_access));
        g_array_set_clear_func(usage->seen, access_clear);
    }
    for (guint i = usage->seen->len; i > 0; i--) {
        struct locked_access *old = &g_array_index(usage->seen, struct locked_access, i - 1);

        if (old->function != function) {
            break;
        }
        if (old->loc.line == loc.line) {
            old->writes |= writes;
            intersect(&old->held, held);
            g_ptr_array_unref(held);
            return;
        }
    }
    if (usage->seen->len < MAX_ACCESSES) {
        g_array_append_val(usage->seen, access);
    } else {
        g_ptr_array_unref(held);
    }
}

/* Setting up and tearing down happen when nobody else is there; where that is
 * not so, nobody can tell from the code. */
static bool sets_up(const struct pfunction *function)
{
    static const char *const words[] = {"init",  "setup", "start", "create",   "new",   "destroy",
                                        "free",  "alloc", "clean", "shutdown", "stop",  "fini",
                                        "parse", "load",  "main",  "test",     "config"};

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(function->ir->name, words[i])) {
            return true;
        }
    }
    return false;
}

static void visit_access(struct locksets *l, const struct pfunction *function,
                         const struct ir_event *event, const struct flow_state *state)
{
    const struct ir_variable *variable;
    const struct ir_record *record;
    struct usage *usage;
    bool writes;

    if (!sharing_access(l->sharing, function, event, &variable, &record, &writes)) {
        return;
    }
    usage = g_hash_table_lookup(l->sharing->usages, variable);
    if (is_candidate(usage) && entries_of(l->sharing->entries, function) && !sets_up(function)) {
        note_access(usage, function, event->loc, writes, held_now(l, function, state));
    }
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

/* The lock that most accesses hold, if they are three quarters of all. */
static const struct lock_class *usual_lock(const struct usage *usage)
{
    const struct lock_class *best = NULL;
    guint most = 0;

    for (guint i = 0; i < usage->seen->len; i++) {
        const GPtrArray *held = g_array_index(usage->seen, struct locked_access, i).held;

        for (guint h = 0; h < held->len; h++) {
            guint count = GPOINTER_TO_UINT(g_hash_table_lookup(usage->locks, held->pdata[h])) + 1;

            g_hash_table_insert(usage->locks, held->pdata[h], GUINT_TO_POINTER(count));
            if (count > most) {
                most = count;
                best = held->pdata[h];
            }
        }
    }
    return most >= 3 && 4 * most >= 3 * usage->seen->len ? best : NULL;
}

static bool on_thread(const struct locksets *l, const struct pfunction *function)
{
    const GPtrArray *entries = entries_of(l->sharing->entries, function);

    for (guint i = 0; entries && i < entries->len; i++) {
        const struct entry *entry = entries->pdata[i];

        if (strcmp(entry->function->ir->name, "main") != 0) {
            return true;
        }
    }
    return false;
}

/* Accesses on threads without the lock. */
static guint count_without(const struct locksets *l, const struct usage *usage,
                           const struct lock_class *class)
{
    guint count = 0;

    for (guint i = 0; i < usage->seen->len; i++) {
        const struct locked_access *access = &g_array_index(usage->seen, struct locked_access, i);

        count += !contains(access->held, class) && on_thread(l, access->function);
    }
    return count;
}

/* Whether the lock is surely meant for it: it is written under the lock, and
 * not by one function alone, which may have the lock for something else. */
static bool is_meant(const struct usage *usage, const struct lock_class *class)
{
    const struct pfunction *first = NULL;
    bool written = false, several = false;

    for (guint i = 0; i < usage->seen->len; i++) {
        const struct locked_access *access = &g_array_index(usage->seen, struct locked_access, i);

        if (contains(access->held, class)) {
            written |= access->writes;
            several |= first && first != access->function;
            first = first ? first : access->function;
        }
    }
    return written && several;
}

static void report_forgotten(struct locksets *l, const struct usage *usage,
                             const struct lock_class *class)
{
    guint without = count_without(l, usage, class);
    char *name = sharing_name(usage);
    struct finding *finding = findings_add(
        l->sharing->findings, CHECK_SHARING,
        is_meant(usage, class) ? SEVERITY_WARNING : SEVERITY_NOTE, usage->variable->loc, NULL,
        "%s is touched by several threads, with %s held at %u of %u places", name, class->name,
        usage->seen->len - without, usage->seen->len);

    for (guint i = 0, told = 0; i < usage->seen->len && told < 4; i++) {
        const struct locked_access *access = &g_array_index(usage->seen, struct locked_access, i);

        if (!contains(access->held, class) && on_thread(l, access->function)) {
            finding_note(finding, access->loc, "%s touches it without %s",
                         access->function->ir->name, class->name);
            told++;
        }
    }
    sharing_note_touchers(finding, usage);
    g_free(name);
}

/* Whether the start of a thread is, or calls, the function: the deeper it is,
 * the more conditions that we do not see stand in between. */
static bool is_near(const struct entry *entry, const struct pfunction *function)
{
    if (entry->function == function) {
        return true;
    }
    for (guint i = 0; i < function->callers->len; i++) {
        if (((const struct pcall *)function->callers->pdata[i])->caller == entry->function) {
            return true;
        }
    }
    return false;
}

/* Threads, not main, that write it; of many of one kind two may meet. */
static guint writers(const struct usage *usage)
{
    guint count = 0;

    for (guint i = 0; i < usage->touchers->len; i++) {
        const struct toucher *t = &g_array_index(usage->touchers, struct toucher, i);

        if (t->entry && t->entry->thread && t->writes && !sets_up(t->function) &&
            strcmp(t->entry->function->ir->name, "main") != 0) {
            count += t->entry->many && is_near(t->entry, t->function) ? 2 : 1;
        }
    }
    return count;
}

static void report_unlocked(struct locksets *l, const struct usage *usage)
{
    char *name = sharing_name(usage);
    struct finding *finding =
        findings_add(l->sharing->findings, CHECK_SHARING, SEVERITY_WARNING, usage->variable->loc,
                     NULL, "%s is written by several threads, without any lock", name);

    sharing_note_touchers(finding, usage);
    g_free(name);
}

static void report(struct locksets *l, const struct usage *usage)
{
    const struct lock_class *class;

    if (!is_candidate(usage) || !usage->seen ||
        (usage->variable->type.record && usage->variable->type.pointers == 0)) {
        return;
    }
    class = usual_lock(usage);
    if (class && count_without(l, usage, class) > 0) {
        report_forgotten(l, usage, class);
    } else if (!class && g_hash_table_size(usage->locks) == 0 && !usage->record &&
               writers(usage) >= 2) {
        report_unlocked(l, usage);
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
