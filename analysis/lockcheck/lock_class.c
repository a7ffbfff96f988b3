/* Classes of locks: which locks are the same for the order between locks. The
 * class of a place is the innermost field that has a lock, or the global or
 * local variable. Wrappers are looked through: in
 *
 *     struct mutex { pthread_mutex_t m; };   struct queue { struct mutex lock; };
 *
 * the place q->lock.m is the lock q->lock, of class "struct queue.lock".
 * Invariant: one class for one declaration, whatever way leads to it. */
#include <string.h>

#include "flow_internal.h"

enum { WRAPPER_FIELDS = 8, TYPE_DEPTH = 4 };

static GHashTable *class_table(struct flow *flow)
{
    if (!flow->classes) {
        flow->classes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        flow->class_list = g_ptr_array_new_with_free_func(g_free);
        flow->class_notes = g_hash_table_new(NULL, NULL);
    }
    return flow->classes;
}

void classes_free(struct flow *flow)
{
    if (flow->classes) {
        g_hash_table_unref(flow->classes);
        g_ptr_array_unref(flow->class_list);
        g_hash_table_unref(flow->class_notes);
    }
}

static const struct lock_type *type_by_name(const struct flow *flow, const char *name)
{
    const struct lock_type *type;

    if (!name) {
        return NULL;
    }
    type = rules_lock_type(flow->program->rules, name);
    if (!type && g_str_has_prefix(name, "struct ")) {
        type = rules_lock_type(flow->program->rules, name + strlen("struct "));
    }
    return type;
}

static const char *capability_name(const struct ir_record *record)
{
    struct annotation annotation;
    const char *name = NULL;

    if (record && annotation_find(record->annotations, ANNOTATION_CAPABILITY, &annotation)) {
        name = annotation.arguments->len > 0 ? g_ptr_array_index(annotation.arguments, 0) : "";
        name = g_intern_string(name);
        annotation_clear(&annotation);
    }
    return name;
}

static bool is_lock(const struct flow *flow, const struct ir_type *type)
{
    return type_by_name(flow, type->name) ||
           (type->record && capability_name(program_record(flow->program, type->record)));
}

static bool lock_like_name(const char *name)
{
    static const char *const words[] = {"mutex", "lock", "mtx", "spin", "sema", "futex"};
    char *lower;
    bool found = false;

    if (!name) {
        return false;
    }
    lower = g_ascii_strdown(name, -1);
    for (unsigned i = 0; i < G_N_ELEMENTS(words) && !found; i++) {
        found = strstr(lower, words[i]) != NULL;
    }
    g_free(lower);
    return found;
}

/* Whether a record is nothing but a lock with what belongs to it. */
static bool is_wrapper(struct flow *flow, const char *key)
{
    const struct ir_record *record;
    gpointer known;
    unsigned locks = 0, others = 0;
    bool guards = false;

    (void)class_table(flow);
    if (!key) {
        return false;
    }
    known = g_hash_table_lookup(flow->class_notes, key);
    if (known) {
        return GPOINTER_TO_INT(known) == 1;
    }
    record = program_record(flow->program, key);
    for (guint i = 0; record && i < record->fields->len; i++) {
        const struct ir_variable *field = g_ptr_array_index(record->fields, i);

        if (field->type.pointers == 0 && is_lock(flow, &field->type)) {
            locks++;
        } else {
            others++;
        }
        /* That one is for the others, not for the users of the record. */
        guards |= annotation_has(field->annotations, ANNOTATION_GUARDED_BY);
    }
    bool wrapper = false;

    if (record && locks == 1 && others <= WRAPPER_FIELDS && !guards) {
        wrapper = others == 0 || capability_name(record) || type_by_name(flow, record->name) ||
                  lock_like_name(record->name);
    }
    g_hash_table_insert(flow->class_notes, (gpointer)key, GINT_TO_POINTER(wrapper ? 1 : 2));
    return wrapper;
}

static bool wrapper_field(struct flow *flow, const char *record, const char *name)
{
    const struct ir_variable *field;

    if (!is_wrapper(flow, record)) {
        return false;
    }
    field = program_field(flow->program, record, name);
    return field && field->type.pointers == 0 && is_lock(flow, &field->type);
}

const struct place *place_strip(struct flow *flow, const struct place *place)
{
    while (place && place->parent && place->step == IR_STEP_FIELD &&
           wrapper_field(flow, place->record, place->name)) {
        place = place->parent;
    }
    return place;
}

/* What the type of a lock says about its class. */
static void class_from_type(struct flow *flow, struct lock_class *class, const struct ir_type *type,
                            int depth)
{
    const struct lock_type *known = type_by_name(flow, type->name);
    const struct ir_record *record =
        type->record ? program_record(flow->program, type->record) : NULL;
    const char *capability = capability_name(record);

    if (!known && record) {
        known = type_by_name(flow, record->name);
    }
    if (record) {
        class->nonblocking |= annotation_has(record->annotations, ANNOTATION_NONBLOCKING);
        class->keyed |= annotation_has(record->annotations, ANNOTATION_KEYED);
    }
    if (capability && strcmp(capability, "role") == 0) {
        class->role = true;
    }
    if (capability && strcmp(capability, "rcu") == 0) {
        class->rcu = true;
        class->recursion = LOCK_READ_RECURSIVE;
    }
    if (known) {
        class->recursion = known->recursion;
        class->nonblocking |= known->nonblocking;
        return;
    }
    for (guint i = 0;
         record && is_wrapper(flow, record->key) && depth < TYPE_DEPTH && i < record->fields->len;
         i++) {
        const struct ir_variable *field = g_ptr_array_index(record->fields, i);

        if (field->type.pointers == 0 && is_lock(flow, &field->type)) {
            class_from_type(flow, class, &field->type, depth + 1);
            return;
        }
    }
}

bool class_of_given(struct flow *flow, const struct place *place,
                    const struct ir_function *function, struct lock_class *class)
{
    const struct ir_variable *param;

    if (place->depth != 1 || place->step != IR_STEP_DEREF || place->root != PLACE_PARAM ||
        place->parent->number >= function->params->len) {
        return false;
    }
    param = g_ptr_array_index(function->params, place->parent->number);
    *class = (struct lock_class){.name = param->name};
    class_from_type(flow, class, &param->type, 0);
    return param->type.pointers == 1;
}

/* Takes `key` over. */
static struct lock_class *class_new(struct flow *flow, char *key, const char *name,
                                    const struct ir_variable *variable)
{
    struct lock_class *class = g_new0(struct lock_class, 1);

    class->name = name;
    class->variable = variable;
    class->number = flow->class_list->len;
    if (variable) {
        class->loc = variable->loc;
        class_from_type(flow, class, &variable->type, 0);
        class->nonblocking |= annotation_has(variable->annotations, ANNOTATION_NONBLOCKING);
        class->keyed |= annotation_has(variable->annotations, ANNOTATION_KEYED);
    }
    g_ptr_array_add(flow->class_list, class);
    g_hash_table_insert(flow->classes, key, class);
    return class;
}

static const struct lock_class *class_of_field(struct flow *flow, const char *record,
                                               const char *name)
{
    char *key = g_strdup_printf("f:%s:%s", record ? record : "", name);
    struct lock_class *class = g_hash_table_lookup(class_table(flow), key);
    const struct ir_record *owner;
    char *text;

    if (class) {
        g_free(key);
        return class;
    }
    owner = record ? program_record(flow->program, record) : NULL;
    text = g_strdup_printf("%s.%s", owner && owner->name && owner->name[0] ? owner->name : "struct",
                           name);
    class = class_new(flow, key, g_intern_string(text), program_field(flow->program, record, name));
    class->record = record;
    g_free(text);
    return class;
}

static const struct lock_class *class_of_global(struct flow *flow, const char *symbol)
{
    char *key = g_strdup_printf("g:%s", symbol);
    struct lock_class *class = g_hash_table_lookup(class_table(flow), key);
    const struct ir_variable *variable;

    if (class) {
        g_free(key);
        return class;
    }
    variable = program_global(flow->program, symbol);
    class = class_new(flow, key, g_intern_string(variable ? variable->name : symbol), variable);
    if (!variable) {
        class->rcu = strcmp(symbol, "rcu") == 0;
        class->role = !class->rcu;
        class->recursion = class->rcu ? LOCK_READ_RECURSIVE : LOCK_RECURSIVE;
    }
    return class;
}

static const struct lock_class *class_of_local(struct flow *flow,
                                               const struct ir_function *function, uint32_t number)
{
    const struct ir_variable *variable;
    char *key, *text;
    const struct lock_class *class;

    if (!function || number >= function->locals->len) {
        return NULL;
    }
    variable = g_ptr_array_index(function->locals, number);
    if (variable->type.pointers > 0) {
        return NULL;
    }
    key = g_strdup_printf("l:%s:%u", function->symbol, number);
    class = g_hash_table_lookup(class_table(flow), key);
    if (class) {
        g_free(key);
        return class;
    }
    text = g_strdup_printf("%s (in %s)", variable->name, function->name);
    class = class_new(flow, key, g_intern_string(text), variable);
    g_free(text);
    return class;
}

const struct lock_class *class_of_place(struct flow *flow, const struct place *place,
                                        const struct ir_function *function)
{
    const struct place *at = place_strip(flow, place);
    const struct lock_class *class = NULL;
    struct place *cache = (struct place *)place;
    bool pointer = false;

    if (!place) {
        return NULL;
    }
    if (place->class_known) {
        return place->class;
    }
    while (at->parent && at->step != IR_STEP_FIELD) {
        pointer |= at->step == IR_STEP_DEREF;
        at = at->parent;
    }
    if (at->parent) {
        class = class_of_field(flow, at->record, at->name);
    } else if (at->root == PLACE_GLOBAL) {
        class = class_of_global(flow, at->symbol);
    } else if (at->root == PLACE_LOCAL && !pointer) {
        class = class_of_local(flow, function, at->number);
    }
    cache->class = class;
    cache->class_known = true;
    return class;
}

const struct lock_class *lock_class_of_path(const struct program *program,
                                            const struct ir_path *path,
                                            const struct ir_function *function)
{
    struct flow *flow = flow_of(program);
    guint length = path ? path->steps->len : 0;
    bool pointer = false;

    if (!path) {
        return NULL;
    }
    while (length > 0) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, length - 1);

        if (step->kind != IR_STEP_FIELD || !wrapper_field(flow, step->record, step->name)) {
            break;
        }
        length--;
    }
    for (; length > 0; length--) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, length - 1);

        if (step->kind == IR_STEP_FIELD) {
            return class_of_field(flow, step->record, step->name);
        }
        pointer |= step->kind == IR_STEP_DEREF;
    }
    if (path->root == IR_ROOT_GLOBAL) {
        return class_of_global(flow, path->symbol);
    }
    if (path->root == IR_ROOT_LOCAL && !pointer) {
        return class_of_local(flow, function, path->index);
    }
    return NULL;
}

/* The local variable whose address is an argument. */
static int64_t local_argument(const struct ir_event *event, guint number)
{
    const struct ir_value *value =
        number < event->args->len ? g_ptr_array_index(event->args, number) : NULL;

    return value && value->kind == IR_VALUE_ADDRESS && value->path->root == IR_ROOT_LOCAL &&
                   value->path->steps->len == 0
               ? (int64_t)value->path->index
               : -1;
}

static const char *called(const struct ir_event *event)
{
    return event->callee && event->callee->kind == IR_VALUE_FUNC ? event->callee->text : "";
}

static bool made_recursive(const struct ir_event *event)
{
    const struct ir_value *type;

    if (strcmp(called(event), "pthread_mutexattr_settype") != 0 || event->args->len < 2) {
        return false;
    }
    type = g_ptr_array_index(event->args, 1);
    return type->kind == IR_VALUE_INT && type->number == 1; /* PTHREAD_MUTEX_RECURSIVE */
}

void find_recursive_mutexes(struct flow *flow)
{
    for (guint i = 0; i < flow->functions->len; i++) {
        const struct pfunction *function =
            ((const struct flow_function *)g_ptr_array_index(flow->functions, i))->function;
        int64_t attribute = -1;

        for (guint c = 0; c < function->calls->len; c++) {
            const struct ir_event *event =
                ((const struct pcall *)g_ptr_array_index(function->calls, c))->event;
            const struct ir_value *mutex;
            struct lock_class *class = NULL;

            if (made_recursive(event)) {
                attribute = local_argument(event, 0);
            }
            /* mtx_recursive is a bit of the type. */
            bool c11 = strcmp(called(event), "mtx_init") == 0 && event->args->len == 2 &&
                       ((const struct ir_value *)g_ptr_array_index(event->args, 1))->kind ==
                           IR_VALUE_INT &&
                       ((const struct ir_value *)g_ptr_array_index(event->args, 1))->number & 1;
            bool posix = attribute >= 0 && strcmp(called(event), "pthread_mutex_init") == 0 &&
                         local_argument(event, 1) == attribute;

            if (!c11 && !posix) {
                continue;
            }
            mutex = g_ptr_array_index(event->args, 0);
            if (mutex->kind == IR_VALUE_ADDRESS) {
                class = (struct lock_class *)lock_class_of_path(flow->program, mutex->path,
                                                                function->ir);
            }
            if (class) {
                class->recursion = LOCK_RECURSIVE;
            }
        }
    }
}

const struct lock_class *class_of_capability(struct flow *flow, const char *name)
{
    return class_of_global(flow, g_intern_string(name));
}

const struct lock_class *lock_class_named(const struct program *program, const char *name)
{
    const GPtrArray *list = lock_classes(program);

    for (guint i = 0; i < list->len; i++) {
        const struct lock_class *class = g_ptr_array_index(list, i);

        if (strcmp(class->name, name) == 0) {
            return class;
        }
    }
    return NULL;
}

const GPtrArray *lock_classes(const struct program *program)
{
    struct flow *flow = flow_of(program);

    (void)class_table(flow);
    return flow->class_list;
}
