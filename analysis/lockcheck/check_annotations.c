/* Annotations that say nothing or contradict: a kind that does not exist, a
 * lock that nobody has, a field that the struct lacks, guarded_by on a
 * function. They would be believed silently, and are worse than none. */
#include <string.h>

#include "contract.h"

enum target { ON_FUNCTION = 1, ON_POINTER = 2, ON_DATA = 4, ON_RECORD = 8, ON_PARAMETER = 16 };

/* What an annotation may stand on, and how many arguments it has at least. */
static const struct {
    int targets;
    guint arguments;
    bool locks; /* its arguments are lock expressions */
} forms[ANNOTATION_UNKNOWN] = {
    [ANNOTATION_CAPABILITY] = {ON_RECORD | ON_DATA, 0, false},
    [ANNOTATION_GUARDED_BY] = {ON_DATA | ON_POINTER, 1, true},
    [ANNOTATION_PT_GUARDED_BY] = {ON_DATA | ON_POINTER | ON_PARAMETER, 1, true},
    [ANNOTATION_WRITE_GUARDED_BY] = {ON_DATA | ON_POINTER, 1, true},
    [ANNOTATION_REQUIRES] = {ON_FUNCTION | ON_POINTER, 1, true},
    [ANNOTATION_REQUIRES_SHARED] = {ON_FUNCTION | ON_POINTER, 1, true},
    [ANNOTATION_ACQUIRE] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_ACQUIRE_SHARED] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_RELEASE] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_RELEASE_SHARED] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_RELEASE_GENERIC] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_TRY_ACQUIRE] = {ON_FUNCTION | ON_POINTER, 1, true},
    [ANNOTATION_TRY_ACQUIRE_SHARED] = {ON_FUNCTION | ON_POINTER, 1, true},
    [ANNOTATION_EXCLUDES] = {ON_FUNCTION | ON_POINTER, 1, true},
    [ANNOTATION_ASSERT] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_ASSERT_SHARED] = {ON_FUNCTION | ON_POINTER, 0, true},
    [ANNOTATION_RETURNS] = {ON_FUNCTION | ON_POINTER, 1, true},
    [ANNOTATION_ACQUIRED_AFTER] = {ON_DATA | ON_RECORD, 1, true},
    [ANNOTATION_ACQUIRED_BEFORE] = {ON_DATA | ON_RECORD, 1, true},
    [ANNOTATION_NO_ANALYSIS] = {ON_FUNCTION, 0, false},
    [ANNOTATION_NO_CLANG_ANALYSIS] = {ON_FUNCTION, 0, false},
    [ANNOTATION_ROLE] = {ON_FUNCTION | ON_POINTER, 1, false},
    [ANNOTATION_THREAD_ENTRY] = {ON_FUNCTION | ON_POINTER | ON_PARAMETER, 1, false},
    [ANNOTATION_MAY_BLOCK] = {ON_FUNCTION | ON_POINTER, 0, false},
    [ANNOTATION_NONBLOCKING] = {ON_RECORD | ON_DATA, 0, false},
    [ANNOTATION_BLOCKING_OK] = {ON_FUNCTION | ON_POINTER, 1, false},
    [ANNOTATION_IMMUTABLE] = {ON_DATA | ON_POINTER | ON_RECORD, 0, false},
    [ANNOTATION_OWNED_BY] = {ON_DATA | ON_POINTER | ON_RECORD, 1, false},
    [ANNOTATION_RCU] = {ON_DATA | ON_POINTER, 0, false},
    [ANNOTATION_PRIVATE] = {ON_FUNCTION | ON_PARAMETER, 0, false},
    [ANNOTATION_ALONE] = {ON_FUNCTION, 0, false},
    [ANNOTATION_KEYED] = {ON_DATA | ON_RECORD, 0, false},
    [ANNOTATION_SUPPRESS] = {ON_FUNCTION | ON_DATA | ON_POINTER | ON_RECORD, 1, false},
};

struct subject {
    struct program *program;
    struct findings *findings;
    GHashTable *capabilities; /* abstract ones that something takes, or that are no slip */
    const char *name;
    const char *function; /* symbol, or NULL */
    struct ir_loc loc;
    int target;
    const struct ir_function *ir;
    const struct ir_record *record;
    const struct ir_variable *global;
};

static const char *target_text(int target)
{
    return target == ON_FUNCTION    ? "a function"
           : target == ON_POINTER   ? "a function pointer"
           : target == ON_RECORD    ? "a type"
           : target == ON_PARAMETER ? "a parameter"
                                    : "data";
}

G_GNUC_PRINTF(2, 3)
static void complain(const struct subject *s, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    findings_add(s->findings, CHECK_ANNOTATION, SEVERITY_ERROR, s->loc, s->function, "%s", text);
    g_free(text);
}

static struct ir_path *subject_path(const struct subject *s, const char *text)
{
    if (s->global) {
        return annotation_path_of_global(s->program, text, s->global);
    }
    return annotation_path(s->program, text, s->record ? NULL : s->ir, s->record, NULL);
}

/* A capability that is no variable must be taken by somebody, or be a role. */
static bool is_capability(const struct subject *s, const char *name)
{
    return g_hash_table_contains(s->capabilities, name) ||
           g_hash_table_contains(s->capabilities, role_name(name));
}

/* The builtin arithmetic types cannot be locks. */
static bool is_plain_number(const struct ir_variable *variable)
{
    static const char *const names[] = {"int",   "unsigned int", "unsigned", "long",  "char",
                                        "short", "_Bool",        "bool",     "size_t"};
    const struct ir_type *type = &variable->type;

    for (guint i = 0; type->pointers == 0 && !type->function && i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(type->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_fields(const struct subject *s, const char *kind, const char *text,
                         const struct ir_path *path)
{
    for (guint i = 0; i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);
        const struct ir_record *record = program_record(s->program, step->record);

        if (step->kind == IR_STEP_FIELD && record && record->fields->len > 0 &&
            !program_field(s->program, step->record, step->name)) {
            complain(s, "%s(%s) of %s names a field that %s does not have", kind, text, s->name,
                     record->name ? record->name : "the struct");
            return false;
        }
    }
    return true;
}

static void check_lock(const struct subject *s, const char *kind, const char *text)
{
    const struct ir_variable *variable;
    struct ir_path *path;

    if (*text == '!') {
        return;
    }
    path = subject_path(s, text);
    if (!path) {
        complain(s, "%s(%s) of %s is no lock expression", kind, text, s->name);
        return;
    }
    if (path->root == IR_ROOT_GLOBAL && !program_global(s->program, path->symbol) &&
        s->target != ON_POINTER && (path->steps->len > 0 || !is_capability(s, path->symbol))) {
        complain(s, "%s(%s) of %s names nothing that exists or is ever taken", kind, text, s->name);
    } else if (check_fields(s, kind, text, path)) {
        variable = program_variable(s->program, path, s->ir);
        if (variable && is_plain_number(variable)) {
            complain(s, "%s(%s) of %s names a number, not a lock", kind, text, s->name);
        }
    }
    ir_path_free(path);
}

static void check_one(const struct subject *s, const char *string,
                      const struct annotation *annotation)
{
    const char *kind = annotation_kind_name(annotation->kind);

    if (annotation->kind == ANNOTATION_UNKNOWN) {
        complain(s, "\"%s\" of %s means nothing", string, s->name);
        return;
    }
    if ((forms[annotation->kind].targets & s->target) == 0) {
        complain(s, "%s of %s cannot be said of %s", kind, s->name, target_text(s->target));
        return;
    }
    if (annotation->arguments->len < forms[annotation->kind].arguments) {
        complain(s, "%s of %s lacks its argument", kind, s->name);
        return;
    }
    if (annotation->kind == ANNOTATION_KEYED && annotation->arguments->len > 0 &&
        strcmp(annotation->arguments->pdata[0], "ascending") != 0) {
        complain(s, "keyed(%s) of %s: only \"ascending\" is known",
                 (const char *)annotation->arguments->pdata[0], s->name);
    }
    for (guint i = annotation_first_lock(annotation);
         forms[annotation->kind].locks && i < annotation->arguments->len; i++) {
        check_lock(s, kind, annotation->arguments->pdata[i]);
    }
}

static bool both(const GPtrArray *strings, enum annotation_kind a, enum annotation_kind b)
{
    return annotation_has(strings, a) && annotation_has(strings, b);
}

static void check_data(const struct subject *s, const GPtrArray *strings)
{
    static const enum annotation_kind exclusive[] = {ANNOTATION_GUARDED_BY, ANNOTATION_IMMUTABLE,
                                                     ANNOTATION_OWNED_BY};

    for (guint a = 0; a < G_N_ELEMENTS(exclusive); a++) {
        for (guint b = a + 1; b < G_N_ELEMENTS(exclusive); b++) {
            if (both(strings, exclusive[a], exclusive[b])) {
                complain(s, "%s is declared both %s and %s", s->name,
                         annotation_kind_name(exclusive[a]), annotation_kind_name(exclusive[b]));
            }
        }
    }
    if (both(strings, ANNOTATION_RCU, ANNOTATION_IMMUTABLE)) {
        complain(s, "%s is declared both rcu and immutable", s->name);
    }
}

static void check_contract(const struct subject *s, const GPtrArray *strings)
{
    GPtrArray *items = contract_items(s->program, strings, s->ir);
    const char *role = contract_role(strings, ANNOTATION_ROLE);

    for (guint i = 0; i < items->len; i++) {
        const struct contract_item *a = items->pdata[i];

        for (guint j = 0; j < items->len; j++) {
            const struct contract_item *b = items->pdata[j];

            if (!contract_same_lock(a, b)) {
                continue;
            }
            if (contract_is_requirement(a->kind) && b->kind == ANNOTATION_EXCLUDES) {
                complain(s, "%s both requires and excludes %s", s->name, a->text);
            } else if (contract_is_requirement(a->kind) && contract_is_acquire(b->kind)) {
                complain(s, "%s both requires and acquires %s", s->name, a->text);
            }
        }
    }
    g_ptr_array_unref(items);
    for (guint i = 0; role && i < strings->len; i++) {
        struct annotation annotation;

        if (annotation_parse(strings->pdata[i], &annotation)) {
            if (annotation.kind == ANNOTATION_ROLE && annotation.arguments->len > 0 &&
                role_name(annotation.arguments->pdata[0]) != role) {
                complain(s, "%s is bound to two roles, %s and %s", s->name, role,
                         role_name(annotation.arguments->pdata[0]));
            }
            annotation_clear(&annotation);
        }
    }
}

static void check_subject(const struct subject *s, const GPtrArray *strings)
{
    for (guint i = 0; strings && i < strings->len; i++) {
        struct annotation annotation;

        if (annotation_parse(strings->pdata[i], &annotation)) {
            check_one(s, strings->pdata[i], &annotation);
            annotation_clear(&annotation);
        }
    }
    if (!strings || strings->len < 2) {
        return;
    }
    if (s->target == ON_DATA) {
        check_data(s, strings);
    } else if (s->target == ON_FUNCTION || s->target == ON_POINTER) {
        check_contract(s, strings);
    }
}

static void note_capability(GHashTable *capabilities, const struct program *program,
                            const struct contract_item *item)
{
    if (item->path && item->path->root == IR_ROOT_GLOBAL && item->path->steps->len == 0 &&
        !program_global(program, item->path->symbol)) {
        g_hash_table_add(capabilities, (gpointer)item->path->symbol);
    }
}

/* A name that several functions require is meant: nothing takes it, but a
 * caller that requires it in turn satisfies it ("in a coroutine only"). */
static void note_required(GHashTable *capabilities, GHashTable *once, const struct program *program,
                          const struct contract_item *item)
{
    const char *name = item->path ? item->path->symbol : NULL;

    if (contract_is_requirement(item->kind) && name && item->path->root == IR_ROOT_GLOBAL &&
        item->path->steps->len == 0 && !program_global(program, name) &&
        !g_hash_table_add(once, (gpointer)name)) {
        g_hash_table_add(capabilities, (gpointer)name);
    }
}

/* Abstract capabilities that something takes, asserts or provides. */
static GHashTable *find_capabilities(const struct program *program)
{
    GHashTable *capabilities = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTable *once = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];
        GPtrArray *items = contract_items(program, function->annotations, function->ir);
        const char *role = contract_role(function->annotations, ANNOTATION_ROLE);
        const char *entry = contract_role(function->annotations, ANNOTATION_THREAD_ENTRY);
        struct annotation annotation;

        for (guint a = 0; a < items->len; a++) {
            const struct contract_item *item = items->pdata[a];

            if (contract_is_acquire(item->kind)) {
                note_capability(capabilities, program, item);
            }
            note_required(capabilities, once, program, item);
        }
        g_ptr_array_unref(items);
        if (annotation_find(function->annotations, ANNOTATION_ASSERT, &annotation) ||
            annotation_find(function->annotations, ANNOTATION_ASSERT_SHARED, &annotation)) {
            for (guint a = 0; a < annotation.arguments->len; a++) {
                g_hash_table_add(capabilities, annotation.arguments->pdata[a]);
            }
            annotation_clear(&annotation);
        }
        if (role) {
            g_hash_table_add(capabilities, (gpointer)role);
        }
        if (entry) {
            g_hash_table_add(capabilities, (gpointer)entry);
        }
        for (guint r = 0; function->rules[r]; r++) {
            if (function->rules[r]->capability) {
                g_hash_table_add(capabilities, (gpointer)function->rules[r]->capability);
            }
            if (function->rules[r]->role) {
                g_hash_table_add(capabilities, (gpointer)role_name(function->rules[r]->role));
            }
        }
    }
    g_hash_table_unref(once);
    g_hash_table_add(capabilities, (gpointer)g_intern_static_string("rcu"));
    g_hash_table_add(capabilities, (gpointer)g_intern_static_string("main"));
    return capabilities;
}

static void check_variable(struct subject s, const struct ir_variable *variable, int target)
{
    s.loc = variable->loc;
    s.name = variable->name ? variable->name : "(unnamed)";
    s.target = variable->type.function ? ON_POINTER : target;
    check_subject(&s, variable->annotations);
}

static void check_function(struct subject s, const struct pfunction *function)
{
    s.function = function->ir->symbol;
    s.loc = function->ir->stated.line > 0 ? function->ir->stated : function->ir->loc;
    s.name = function->ir->name;
    s.target = ON_FUNCTION;
    s.ir = function->ir;
    check_subject(&s, function->annotations);
    for (guint i = 0; i < function->ir->params->len; i++) {
        check_variable(s, function->ir->params->pdata[i], ON_PARAMETER);
    }
    for (guint i = 0; i < function->ir->locals->len; i++) {
        check_variable(s, function->ir->locals->pdata[i], ON_DATA);
    }
}

static void check_record(struct subject s, const struct ir_record *record)
{
    s.loc = record->loc;
    s.name = record->name ? record->name : "(unnamed)";
    s.target = ON_RECORD;
    s.record = record;
    check_subject(&s, record->annotations);
    for (guint i = 0; i < record->fields->len; i++) {
        check_variable(s, record->fields->pdata[i], ON_DATA);
    }
}

void check_annotations(struct program *program, struct findings *findings)
{
    struct subject s = {.program = program, .findings = findings};
    GHashTableIter iter;
    gpointer value;

    s.capabilities = find_capabilities(program);
    for (guint i = 0; i < program->functions->len; i++) {
        check_function(s, program->functions->pdata[i]);
    }
    g_hash_table_iter_init(&iter, program->globals);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct subject of_global = s;

        of_global.global = value;
        check_variable(of_global, value, ON_DATA);
    }
    g_hash_table_iter_init(&iter, program->records);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        check_record(s, value);
    }
    g_hash_table_unref(s.capabilities);
}
