/* The names and ranks that a program gives to its locks at run time. Programs
 * with a lockdep of their own initialise a lock with a class object:
 *
 *     mutex_init(&q->lock, &queue_class);
 *     static struct mutex log_lock = {.base = {.lc = &log_class}};
 *     static struct lock_class queue_class = {.name = "queue_class", .rank = RANK_LEAF};
 *
 * Wherever a lock and the address of a global whose type is called some kind
 * of class meet so, the lock's class has the object's name. A capability that
 * stands for a lock which only the functions that take it know gets the name
 * of the lock that they take. */
#include <string.h>

#include "contract.h"
#include "flow_internal.h"
#include "order_internal.h"

struct name {
    const char *symbol; /* of the class object */
    const char *text;
    int64_t rank;
    bool ranked;
};

struct names {
    GHashTable *objects; /* symbol -> struct name */
    GHashTable *classes; /* struct lock_class -> symbol */
};

static bool is_class_object(const struct program *program, const struct ir_value *value)
{
    const struct ir_variable *variable;
    const struct ir_record *record;

    if (!value || value->kind != IR_VALUE_ADDRESS || value->path->root != IR_ROOT_GLOBAL ||
        value->path->steps->len > 0) {
        return false;
    }
    variable = program_global(program, value->path->symbol);
    record =
        variable && variable->type.record ? program_record(program, variable->type.record) : NULL;
    return record && record->name && strstr(record->name, "class") != NULL;
}

static struct name *name_of(struct names *names, const char *symbol)
{
    struct name *name = g_hash_table_lookup(names->objects, symbol);

    if (!name) {
        name = g_new0(struct name, 1);
        name->symbol = symbol;
        g_hash_table_insert(names->objects, (gpointer)symbol, name);
    }
    return name;
}

/* The lock at or above a path: `log_lock` for log_lock.base.lc. */
static const struct lock_class *enclosing_lock(const struct program *program,
                                               const struct ir_path *path,
                                               const struct ir_function *function)
{
    struct ir_path *copy = ir_path_copy(path);
    const struct lock_class *class = NULL;

    for (guint length = path->steps->len; length > 0 && !class; length--) {
        const struct ir_variable *variable;

        ir_path_free(copy);
        copy = ir_path_new(path->root, path->index, path->symbol);
        for (guint i = 0; i + 1 < length; i++) {
            struct ir_step step = g_array_index(path->steps, struct ir_step, i);

            step.index = NULL;
            ir_path_add(copy, step);
        }
        variable = program_variable(program, copy, function);
        if (variable && variable->type.pointers == 0 && variable->type.record) {
            const struct ir_record *record = program_record(program, variable->type.record);
            bool lock = rules_lock_type(program->rules, variable->type.name) ||
                        (record && annotation_has(record->annotations, ANNOTATION_CAPABILITY));

            if (lock) {
                class = lock_class_of_path(program, copy, function);
            }
        }
    }
    ir_path_free(copy);
    return class;
}

static void read_set(struct names *names, const struct program *program,
                     const struct ir_function *function, const struct ir_event *event)
{
    const struct ir_path *path = event->path;
    const struct ir_value *value = event->value;
    const struct lock_class *class;

    if (!value || !path || path->steps->len == 0) {
        return;
    }
    const struct ir_step *last = &g_array_index(path->steps, struct ir_step, path->steps->len - 1);

    if (path->root == IR_ROOT_GLOBAL && path->steps->len == 1 && last->kind == IR_STEP_FIELD) {
        if (value->kind == IR_VALUE_STRING && strcmp(last->name, "name") == 0) {
            name_of(names, path->symbol)->text = value->text;
        } else if (value->kind == IR_VALUE_INT && strcmp(last->name, "rank") == 0) {
            name_of(names, path->symbol)->rank = value->number;
            name_of(names, path->symbol)->ranked = true;
        }
    }
    if (is_class_object(program, value)) {
        class = enclosing_lock(program, path, function);
        if (class) {
            g_hash_table_insert(names->classes, (gpointer) class, (gpointer)value->path->symbol);
        }
    }
}

static void read_call(struct names *names, const struct program *program,
                      const struct ir_function *function, const struct ir_event *event)
{
    const struct ir_value *object = NULL, *lock = NULL;

    for (guint i = 0; i < event->args->len; i++) {
        const struct ir_value *value = g_ptr_array_index(event->args, i);

        if (is_class_object(program, value)) {
            object = value;
        } else if (!lock && value->kind == IR_VALUE_ADDRESS) {
            lock = value;
        }
    }
    if (object && lock) {
        const struct lock_class *class = lock_class_of_path(program, lock->path, function);

        if (class) {
            g_hash_table_insert(names->classes, (gpointer) class, (gpointer)object->path->symbol);
        }
    }
}

/* mmap_lock_at() ACQUIRE(mmap_lock_cap) takes some lock in its body: that is
 * what the capability stands for. */
static void read_capability(struct names *names, const struct program *program,
                            const struct pfunction *function)
{
    GPtrArray *items;
    const struct lock_class *capability = NULL;

    if (!function->ir->blocks || !annotations_lock(function->annotations)) {
        return;
    }
    items = contract_items(program, function->annotations, function->ir);
    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *item = g_ptr_array_index(items, i);

        if (contract_is_acquire(item->kind) && item->path && item->path->root == IR_ROOT_GLOBAL) {
            capability = lock_class_of_path(program, item->path, function->ir);
        }
    }
    g_ptr_array_unref(items);
    if (!capability || g_hash_table_contains(names->classes, capability)) {
        return;
    }
    for (guint c = 0; c < function->calls->len; c++) {
        const struct ir_event *event =
            ((const struct pcall *)g_ptr_array_index(function->calls, c))->event;

        for (guint a = 0; a < event->args->len; a++) {
            const struct ir_value *value = g_ptr_array_index(event->args, a);
            const struct lock_class *class =
                value->kind == IR_VALUE_ADDRESS
                    ? lock_class_of_path(program, value->path, function->ir)
                    : NULL;
            gpointer symbol = class ? g_hash_table_lookup(names->classes, class) : NULL;

            if (symbol) {
                g_hash_table_insert(names->classes, (gpointer)capability, symbol);
                return;
            }
        }
    }
}

static void read_function(struct names *names, const struct program *program,
                          const struct ir_function *function)
{
    for (guint b = 0; function->blocks && b < function->blocks->len; b++) {
        const struct ir_block *block = g_ptr_array_index(function->blocks, b);

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = g_ptr_array_index(block->events, e);

            if (event->kind == IR_SET) {
                read_set(names, program, function, event);
            } else if (event->kind == IR_CALL) {
                read_call(names, program, function, event);
            }
        }
    }
}

static void names_free(struct names *names)
{
    g_hash_table_unref(names->objects);
    g_hash_table_unref(names->classes);
    g_free(names);
}

static struct names *names_of(const struct program *program)
{
    struct flow *flow = flow_of(program);
    struct names *names = flow->names;

    if (names) {
        return names;
    }
    names = flow->names = g_new0(struct names, 1);
    flow->free_names = names_free;
    names->objects = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    names->classes = g_hash_table_new(NULL, NULL);
    for (guint u = 0; u < program->units->len; u++) {
        const struct ir_unit *unit = g_ptr_array_index(program->units, u);

        for (guint i = 0; i < unit->functions->len; i++) {
            read_function(names, program, g_ptr_array_index(unit->functions, i));
        }
    }
    for (guint i = 0; i < program->functions->len; i++) {
        read_capability(names, program, g_ptr_array_index(program->functions, i));
    }
    return names;
}

const char *lock_class_runtime_name(const struct program *program, const struct lock_class *class)
{
    struct names *names = names_of(program);
    const char *symbol = g_hash_table_lookup(names->classes, class);
    const struct name *name = symbol ? g_hash_table_lookup(names->objects, symbol) : NULL;
    const struct ir_variable *variable;

    if (!symbol) {
        return NULL;
    }
    if (name && name->text) {
        return name->text;
    }
    variable = program_global(program, symbol);
    return variable ? variable->name : symbol;
}

bool lock_class_rank(const struct program *program, const struct lock_class *class, int64_t *rank)
{
    struct names *names = names_of(program);
    const char *symbol = g_hash_table_lookup(names->classes, class);
    const struct name *name = symbol ? g_hash_table_lookup(names->objects, symbol) : NULL;

    if (!name || !name->ranked) {
        return false;
    }
    *rank = name->rank;
    return true;
}
