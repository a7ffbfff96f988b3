/* Which lock classes a recorded name means.
 *
 * The program names locks by class objects, we name them by declarations. A
 * lock belongs to a class object if an initialiser stores the object's address
 * in it, or a call gets both. Where a function's contract says that it
 * acquires a capability that is no object (mmap_lock_cap), what its body hands
 * to its calls stands for that capability as well, through local variables and
 * through functions that return the lock. One name may so mean several
 * classes. */
#include "confirm_names.h"

#include <string.h>

#define MAX_DEPTH 6

struct confirm_names {
    const struct program *program;
    GHashTable *wanted;             /* set of names */
    GHashTable *defined;            /* set of those that are names of globals */
    GHashTable *classes;            /* name -> GHashTable: set of struct lock_class */
    GHashTable *names;              /* struct lock_class -> GPtrArray of names: the reverse */
    const struct lock_class *alias; /* what the function that is looked at acquires by contract */
};

static void tie(struct confirm_names *m, const char *name, const struct lock_class *class)
{
    GHashTable *set = g_hash_table_lookup(m->classes, name);
    GPtrArray *names = g_hash_table_lookup(m->names, class);

    if (!set) {
        set = g_hash_table_new(NULL, NULL);
        g_hash_table_insert(m->classes, (gpointer)(uintptr_t)name, set);
    }
    if (!g_hash_table_add(set, (gpointer)(uintptr_t)class)) {
        return;
    }
    if (!names) {
        names = g_ptr_array_new();
        g_hash_table_insert(m->names, (gpointer)(uintptr_t)class, names);
    }
    g_ptr_array_add(names, (gpointer)(uintptr_t)name);
}

/* The recorded name that the value is the address of, or NULL. */
static const char *class_object(const struct confirm_names *m, const struct ir_value *value)
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
    return g_hash_table_contains(m->wanted, name) ? name : NULL;
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

static const struct lock_class *lock_of_value(const struct program *program,
                                              const struct ir_value *value,
                                              const struct ir_function *function, unsigned depth);

/* What a direct call returns. */
static const struct lock_class *lock_returned(const struct program *program,
                                              const struct ir_value *callee, unsigned depth)
{
    const struct pfunction *f =
        callee && callee->kind == IR_VALUE_FUNC ? program_function(program, callee->text) : NULL;
    const struct lock_class *class = NULL;

    for (guint b = 0; f && f->ir->blocks && b < f->ir->blocks->len && !class; b++) {
        const struct ir_block *block = f->ir->blocks->pdata[b];

        if (block->exit == IR_RETURN) {
            class = lock_of_value(program, block->value, f->ir, depth + 1);
        }
    }
    return class;
}

/* What is put into a local variable anywhere in the function. */
static const struct lock_class *lock_of_local(const struct program *program, uint32_t local,
                                              const struct ir_function *function, unsigned depth)
{
    const struct lock_class *class = NULL;

    for (guint b = 0; b < function->blocks->len && !class; b++) {
        const struct ir_block *block = function->blocks->pdata[b];

        for (guint e = 0; e < block->events->len && !class; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_CALL && event->result == (int32_t)local) {
                class = lock_returned(program, event->callee, depth);
            } else if (event->kind == IR_SET && event->path && event->path->root == IR_ROOT_LOCAL &&
                       event->path->index == local && event->path->steps->len == 0) {
                class = lock_of_value(program, event->value, function, depth + 1);
            }
        }
    }
    return class;
}

static const struct lock_class *lock_of_value(const struct program *program,
                                              const struct ir_value *value,
                                              const struct ir_function *function, unsigned depth)
{
    const struct lock_class *class;

    if (!value || depth > MAX_DEPTH ||
        (value->kind != IR_VALUE_ADDRESS && value->kind != IR_VALUE_LOAD)) {
        return NULL;
    }
    class = lock_on_path(program, value->path, function);
    if (!class && value->kind == IR_VALUE_LOAD && value->path->root == IR_ROOT_LOCAL &&
        value->path->steps->len == 0 && function->blocks) {
        class = lock_of_local(program, value->path->index, function, depth);
    }
    return class;
}

static void tie_event(struct confirm_names *m, const struct ir_event *event,
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
                class = lock_of_value(m->program, event->args->pdata[i], function, 0);
            }
        }
    }
    if (name && class) {
        tie(m, name, class);
    }
}

typedef void event_fn(struct confirm_names *m, const struct ir_event *event,
                      const struct ir_function *function);

static void for_each_event(struct confirm_names *m, const struct ir_function *function,
                           event_fn *fn)
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

static void tie_alias(struct confirm_names *m, const struct ir_event *event,
                      const struct ir_function *function)
{
    for (guint i = 0; event->kind == IR_CALL && i < event->args->len; i++) {
        const struct lock_class *class =
            lock_of_value(m->program, event->args->pdata[i], function, 0);
        const GPtrArray *names = class ? g_hash_table_lookup(m->names, class) : NULL;

        for (guint n = 0; names && class != m->alias && n < names->len; n++) {
            tie(m, names->pdata[n], m->alias);
        }
    }
}

static void find_all(struct confirm_names *m)
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
    g_hash_table_iter_init(&iter, m->wanted);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        const struct lock_class *class = lock_class_named(m->program, name);

        if (class) {
            tie(m, name, class);
        }
    }
}

static void find_objects(struct confirm_names *m)
{
    GHashTableIter iter;
    gpointer global;

    g_hash_table_iter_init(&iter, m->program->globals);
    while (g_hash_table_iter_next(&iter, NULL, &global)) {
        const struct ir_variable *variable = global;
        const char *name = variable->name ? g_intern_string(variable->name) : NULL;

        if (name && g_hash_table_contains(m->wanted, name)) {
            g_hash_table_add(m->defined, (gpointer)(uintptr_t)name);
        }
    }
}

struct confirm_names *confirm_names_new(const struct program *program, GHashTable *wanted)
{
    struct confirm_names *m = g_new0(struct confirm_names, 1);

    m->program = program;
    m->wanted = wanted;
    m->defined = g_hash_table_new(NULL, NULL);
    m->classes = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_hash_table_unref);
    m->names = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    find_objects(m);
    find_all(m);
    return m;
}

void confirm_names_free(struct confirm_names *m)
{
    g_hash_table_unref(m->defined);
    g_hash_table_unref(m->classes);
    g_hash_table_unref(m->names);
    g_free(m);
}

GHashTable *confirm_names_classes(const struct confirm_names *m, const char *name)
{
    return g_hash_table_lookup(m->classes, name);
}

bool confirm_names_defined(const struct confirm_names *m, const char *name)
{
    return g_hash_table_contains(m->defined, name);
}
