/* Compares recorded lock orders with the static graph.
 *
 * The two sides name locks differently: the program by class objects, we by
 * declarations. A lock belongs to a class object if an initialiser stores the
 * object's address in it, or a call gets both. Where a function's contract
 * says that it acquires a capability that is no object (mmap_lock_cap), what
 * its body takes stands for that capability as well. One name may so mean
 * several of our classes; a recorded edge is predicted if any pair of them has
 * an edge. A name that means none is an error too: then nothing was checked. */
#include "confirm.h"

#include <string.h>

struct recorded {
    const char *from, *to; /* interned */
    struct ir_loc from_loc, to_loc;
    struct ir_loc loc; /* the line of the record */
};

struct confirm {
    GPtrArray *edges;  /* of struct recorded, one per pair */
    GHashTable *pairs; /* set of the same */
    GHashTable *names; /* set of the names in them */
};

static guint recorded_hash(gconstpointer key)
{
    const struct recorded *r = key;

    return g_direct_hash(r->from) * 31u + g_direct_hash(r->to);
}

static gboolean recorded_equal(gconstpointer a, gconstpointer b)
{
    const struct recorded *x = a, *y = b;

    return x->from == y->from && x->to == y->to;
}

struct confirm *confirm_new(void)
{
    struct confirm *confirm = g_new0(struct confirm, 1);

    confirm->edges = g_ptr_array_new_with_free_func(g_free);
    confirm->pairs = g_hash_table_new(recorded_hash, recorded_equal);
    confirm->names = g_hash_table_new(NULL, NULL);
    return confirm;
}

void confirm_free(struct confirm *confirm)
{
    if (confirm) {
        g_hash_table_unref(confirm->names);
        g_hash_table_unref(confirm->pairs);
        g_ptr_array_unref(confirm->edges);
        g_free(confirm);
    }
}

guint confirm_count(const struct confirm *confirm)
{
    return confirm->edges->len;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && g_ascii_isspace(*at)) {
        at++;
    }
    return at;
}

/* A name in quotes, in which a backslash takes the next character as it is. */
static const char *read_name(const char **at, const char *end)
{
    const char *p = skip_space(*at, end), *name;
    GString *text;

    if (p == end || *p != '"') {
        return NULL;
    }
    text = g_string_new(NULL);
    for (p++; p < end && *p != '"'; p++) {
        p += *p == '\\' && p + 1 < end;
        g_string_append_c(text, *p);
    }
    name = p < end && text->len > 0 ? g_intern_string(text->str) : NULL;
    *at = p < end ? p + 1 : p;
    g_string_free(text, TRUE);
    return name;
}

/* FILE:LINE; nothing if there is none. */
static struct ir_loc read_place(const char **at, const char *end)
{
    struct ir_loc loc = {NULL, 0, 0};
    const char *from = skip_space(*at, end), *p = from;
    char *word, *colon;

    while (p < end && !g_ascii_isspace(*p)) {
        p++;
    }
    word = g_strndup(from, (gsize)(p - from));
    colon = strrchr(word, ':');
    if (colon) {
        *colon = '\0';
        loc.file = g_intern_string(word);
        loc.line = (uint32_t)MIN(g_ascii_strtoull(colon + 1, NULL, 10), UINT32_MAX);
    }
    g_free(word);
    *at = p;
    return loc;
}

static bool read_edge(struct confirm *confirm, const char *at, const char *end, struct ir_loc loc)
{
    struct recorded *r = g_new0(struct recorded, 1);

    r->loc = loc;
    if (end - at < 5 || memcmp(at, "EDGE", 4) != 0) {
        g_free(r);
        return false;
    }
    at += strlen("EDGE");
    r->from = read_name(&at, end);
    r->to = r->from ? read_name(&at, end) : NULL;
    if (!r->to) {
        g_free(r);
        return false;
    }
    r->from_loc = read_place(&at, end);
    r->to_loc = read_place(&at, end);
    if (g_hash_table_contains(confirm->pairs, r)) {
        g_free(r);
        return true;
    }
    g_hash_table_add(confirm->pairs, r);
    g_ptr_array_add(confirm->edges, r);
    g_hash_table_add(confirm->names, (gpointer)(uintptr_t)r->from);
    g_hash_table_add(confirm->names, (gpointer)(uintptr_t)r->to);
    return true;
}

void confirm_parse(struct confirm *confirm, const char *name, const char *text, gsize length,
                   struct findings *findings)
{
    struct ir_loc loc = {g_intern_string(name), 0, 1};
    const char *end = text + length;

    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (gsize)(end - at));
        const char *stop = newline ? newline : end;

        loc.line++;
        at = skip_space(at, stop);
        /* The last line of a process that was killed may be cut off: no newline. */
        if (at < stop && *at != '#' && newline && !read_edge(confirm, at, stop, loc)) {
            findings_add(findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL,
                         "not a line of a lock order: EDGE \"FIRST\" \"SECOND\" is");
            return;
        }
        at = newline ? newline + 1 : end;
    }
}

static void load_file(struct confirm *confirm, const char *path, struct findings *findings)
{
    const struct ir_loc loc = {g_intern_string(path), 0, 0};
    GError *error = NULL;
    char *text;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &error)) {
        findings_add(findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL, "%s", error->message);
        g_clear_error(&error);
        return;
    }
    confirm_parse(confirm, path, text, length, findings);
    g_free(text);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void confirm_load(struct confirm *confirm, const char *path, struct findings *findings)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_DIR) ? g_dir_open(path, 0, NULL) : NULL;
    GPtrArray *names;
    const char *name;

    if (!dir) {
        load_file(confirm, path, findings);
        return;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(dir))) {
        g_ptr_array_add(names, g_build_filename(path, name, NULL));
    }
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        load_file(confirm, names->pdata[i], findings);
    }
    g_ptr_array_unref(names);
}

/* Which of our classes each recorded name means. */
struct meaning {
    const struct program *program;
    const struct confirm *confirm;
    GHashTable *classes;            /* name -> GHashTable: set of struct lock_class */
    GHashTable *lock_of;            /* struct lock_class -> GPtrArray of names: the reverse */
    const struct lock_class *alias; /* what the function that is looked at acquires by contract */
};

static void tie(struct meaning *m, const char *name, const struct lock_class *class)
{
    GHashTable *set = g_hash_table_lookup(m->classes, name);
    GPtrArray *names = g_hash_table_lookup(m->lock_of, class);

    if (!set) {
        set = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(m->classes, (gpointer)(uintptr_t)name, set);
    }
    if (!g_hash_table_add(set, (gpointer)(uintptr_t)class)) {
        return;
    }
    if (!names) {
        names = g_ptr_array_new();
        g_hash_table_insert(m->lock_of, (gpointer)(uintptr_t)class, names);
    }
    g_ptr_array_add(names, (gpointer)(uintptr_t)name);
}

/* The recorded name that the value is the address of, or NULL. */
static const char *class_object(const struct meaning *m, const struct ir_value *value)
{
    const char *symbol, *name;
    const struct ir_variable *variable;

    if (!value || value->kind != IR_VALUE_ADDRESS || value->path->root != IR_ROOT_GLOBAL ||
        value->path->steps->len > 0 || !value->path->symbol) {
        return NULL;
    }
    symbol = value->path->symbol;
    variable = program_global(m->program, symbol);
    name = variable && variable->name ? variable->name : symbol;
    name = g_intern_string(strrchr(name, ':') ? strrchr(name, ':') + 1 : name);
    return g_hash_table_contains(m->confirm->names, name) ? name : NULL;
}

static bool is_lock(const struct program *program, const struct ir_variable *variable)
{
    const struct ir_record *record;

    if (!variable || variable->type.pointers > 1) {
        return false;
    }
    if (rules_lock_type(program->rules, variable->type.name)) {
        return true;
    }
    record = variable->type.record ? program_record(program, variable->type.record) : NULL;
    return record && annotation_has(record->annotations, ANNOTATION_CAPABILITY);
}

/* The class of the outermost lock on the way of a path: of `q->lock` for
 * q->lock.base.lc. NULL if there is none. */
static const struct lock_class *lock_on_path(const struct program *program,
                                             const struct ir_path *path,
                                             const struct ir_function *function)
{
    struct ir_path *prefix = ir_path_new(path->root, path->index, path->symbol);
    const struct lock_class *class = NULL;

    for (guint i = 0; i <= path->steps->len && !class; i++) {
        if (is_lock(program, program_variable(program, prefix, function))) {
            class = lock_class_of_path(program, prefix, function);
        }
        if (i < path->steps->len) {
            struct ir_step step = g_array_index(path->steps, struct ir_step, i);

            step.index = ir_value_copy(step.index);
            ir_path_add(prefix, step);
        }
    }
    ir_path_free(prefix);
    return class;
}

static const struct lock_class *lock_argument(const struct program *program,
                                              const struct ir_value *value,
                                              const struct ir_function *function)
{
    return value && (value->kind == IR_VALUE_ADDRESS || value->kind == IR_VALUE_LOAD)
               ? lock_on_path(program, value->path, function)
               : NULL;
}

static void tie_event(struct meaning *m, const struct ir_event *event,
                      const struct ir_function *function)
{
    const struct lock_class *class = NULL;
    const char *name = NULL;

    if (event->kind == IR_SET) {
        name = class_object(m, event->value);
        class = name ? lock_on_path(m->program, event->path, function) : NULL;
    } else if (event->kind == IR_CALL) {
        for (guint i = 0; i < event->args->len && !name; i++) {
            name = class_object(m, event->args->pdata[i]);
        }
        for (guint i = 0; name && i < event->args->len && !class; i++) {
            if (class_object(m, event->args->pdata[i]) != name) {
                class = lock_argument(m->program, event->args->pdata[i], function);
            }
        }
    }
    if (name && class) {
        tie(m, name, class);
    }
}

typedef void event_fn(struct meaning *m, const struct ir_event *event,
                      const struct ir_function *function);

static void for_each_event(struct meaning *m, const struct ir_function *function, event_fn *fn)
{
    for (guint b = 0; function->blocks && b < function->blocks->len; b++) {
        const struct ir_block *block = function->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            fn(m, block->events->pdata[e], function);
        }
    }
}

/* The capability that is no object and that the function acquires; or NULL. */
static const struct lock_class *acquired_capability(const struct program *program,
                                                    const struct pfunction *f)
{
    static const enum annotation_kind kinds[] = {ANNOTATION_ACQUIRE, ANNOTATION_ACQUIRE_SHARED,
                                                 ANNOTATION_TRY_ACQUIRE,
                                                 ANNOTATION_TRY_ACQUIRE_SHARED};
    const struct lock_class *class = NULL;

    for (gsize k = 0; k < G_N_ELEMENTS(kinds) && !class; k++) {
        struct annotation annotation;
        guint first =
            kinds[k] == ANNOTATION_TRY_ACQUIRE || kinds[k] == ANNOTATION_TRY_ACQUIRE_SHARED;

        if (!annotation_find(f->annotations, kinds[k], &annotation)) {
            continue;
        }
        if (annotation.arguments->len > first) {
            struct ir_path *path =
                annotation_path(program, annotation.arguments->pdata[first], f->ir, NULL, NULL);

            if (path && path->root == IR_ROOT_GLOBAL) {
                class = lock_class_of_path(program, path, f->ir);
            }
            ir_path_free(path);
        }
        annotation_clear(&annotation);
    }
    return class;
}

static void tie_alias(struct meaning *m, const struct ir_event *event,
                      const struct ir_function *function)
{
    for (guint i = 0; event->kind == IR_CALL && i < event->args->len; i++) {
        const struct lock_class *class = lock_argument(m->program, event->args->pdata[i], function);
        const GPtrArray *names = class ? g_hash_table_lookup(m->lock_of, class) : NULL;

        for (guint n = 0; names && class != m->alias && n < names->len; n++) {
            tie(m, names->pdata[n], m->alias);
        }
    }
}

static void find_meanings(struct meaning *m)
{
    GHashTableIter iter;
    gpointer name;

    for (guint u = 0; u < m->program->units->len; u++) {
        const struct ir_unit *unit = m->program->units->pdata[u];

        for (guint i = 0; i < unit->functions->len; i++) {
            for_each_event(m, unit->functions->pdata[i], tie_event);
        }
    }
    for (guint i = 0; i < m->program->functions->len; i++) {
        const struct pfunction *f = m->program->functions->pdata[i];

        m->alias = f->ir->blocks ? acquired_capability(m->program, f) : NULL;
        if (m->alias) {
            for_each_event(m, f->ir, tie_alias);
        }
    }
    g_hash_table_iter_init(&iter, m->confirm->names);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const struct lock_class *class = lock_class_named(m->program, name);

        if (class) {
            tie(m, name, class);
        }
    }
}

static bool is_predicted(const struct order_graph *graph, GHashTable *from, GHashTable *to)
{
    for (guint i = 0; i < graph->edges->len; i++) {
        const struct order_edge *edge = graph->edges->pdata[i];

        if (g_hash_table_contains(from, edge->from) && g_hash_table_contains(to, edge->to)) {
            return true;
        }
    }
    return false;
}

static GHashTable *meaning_of(const struct meaning *m, const char *name, const struct recorded *r,
                              struct findings *findings)
{
    GHashTable *set = g_hash_table_lookup(m->classes, name);

    if (!set) {
        findings_add(findings, CHECK_SOUNDNESS, SEVERITY_ERROR, r->loc, NULL,
                     "the recorded lock class \"%s\" belongs to no lock that the checker knows",
                     name);
    }
    return set;
}

void confirm_check(const struct confirm *confirm, const struct program *program,
                   const struct order_graph *graph, struct findings *findings)
{
    struct meaning m = {
        .program = program,
        .confirm = confirm,
        .classes = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref),
        .lock_of = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref),
    };

    find_meanings(&m);
    for (guint i = 0; i < confirm->edges->len; i++) {
        const struct recorded *r = confirm->edges->pdata[i];
        GHashTable *from = meaning_of(&m, r->from, r, findings);
        GHashTable *to = meaning_of(&m, r->to, r, findings);
        struct finding *f;

        if (!from || !to || is_predicted(graph, from, to)) {
            continue;
        }
        f = findings_add(findings, CHECK_SOUNDNESS, SEVERITY_ERROR,
                         r->to_loc.file ? r->to_loc : r->loc, NULL,
                         "at run time \"%s\" was taken while \"%s\" was held; the order graph "
                         "has no such edge",
                         r->to, r->from);
        if (r->from_loc.file) {
            finding_note(f, r->from_loc, "\"%s\" was taken here", r->from);
        }
        finding_note(f, r->loc, "the record");
    }
    g_hash_table_unref(m.lock_of);
    g_hash_table_unref(m.classes);
}
