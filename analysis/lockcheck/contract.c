/* See contract.h. A pointer's contract has no parameter names that we know of:
 * where the front end left a name in it, that name stands for any parameter. */
#include "contract.h"

#include <string.h>

bool contract_is_requirement(enum annotation_kind kind)
{
    return kind == ANNOTATION_REQUIRES || kind == ANNOTATION_REQUIRES_SHARED;
}

bool contract_is_acquire(enum annotation_kind kind)
{
    return kind == ANNOTATION_ACQUIRE || kind == ANNOTATION_ACQUIRE_SHARED ||
           kind == ANNOTATION_TRY_ACQUIRE || kind == ANNOTATION_TRY_ACQUIRE_SHARED;
}

bool contract_is_release(enum annotation_kind kind)
{
    return kind == ANNOTATION_RELEASE || kind == ANNOTATION_RELEASE_SHARED ||
           kind == ANNOTATION_RELEASE_GENERIC;
}

static bool names_locks(enum annotation_kind kind)
{
    return contract_is_requirement(kind) || contract_is_acquire(kind) ||
           contract_is_release(kind) || kind == ANNOTATION_EXCLUDES;
}

static bool is_shared(enum annotation_kind kind)
{
    return kind == ANNOTATION_REQUIRES_SHARED || kind == ANNOTATION_ACQUIRE_SHARED ||
           kind == ANNOTATION_RELEASE_SHARED || kind == ANNOTATION_TRY_ACQUIRE_SHARED;
}

static void item_free(void *data)
{
    struct contract_item *item = data;

    ir_path_free(item->path);
    g_free(item);
}

static bool is_bare(const struct program *program, const struct ir_path *path)
{
    return path && path->root == IR_ROOT_GLOBAL && path->steps->len > 0 &&
           !program_global(program, path->symbol);
}

static void add_item(GPtrArray *items, const struct program *program,
                     const struct ir_function *function, enum annotation_kind kind,
                     const char *text)
{
    struct contract_item *item = g_new0(struct contract_item, 1);

    item->kind = kind;
    item->text = text;
    item->shared = is_shared(kind);
    item->path = annotation_path(program, *text ? text : "$0", function, NULL, NULL);
    item->bare = !function && is_bare(program, item->path);
    g_ptr_array_add(items, item);
}

GPtrArray *contract_items(const struct program *program, const GPtrArray *annotations,
                          const struct ir_function *function)
{
    GPtrArray *items = g_ptr_array_new_with_free_func(item_free);

    for (guint i = 0; annotations && i < annotations->len; i++) {
        struct annotation annotation;
        guint first;

        if (!annotation_parse(annotations->pdata[i], &annotation)) {
            continue;
        }
        first = annotation_first_lock(&annotation);
        if (names_locks(annotation.kind)) {
            for (guint a = first; a < annotation.arguments->len; a++) {
                const char *text = annotation.arguments->pdata[a];

                if (*text != '!') {
                    add_item(items, program, function, annotation.kind, text);
                }
            }
            if (annotation.arguments->len <= first && !contract_is_requirement(annotation.kind) &&
                annotation.kind != ANNOTATION_EXCLUDES) {
                add_item(items, program, function, annotation.kind, "");
            }
        }
        annotation_clear(&annotation);
    }
    return items;
}

bool contract_has_locks(const GPtrArray *annotations)
{
    for (guint i = 0; annotations && i < annotations->len; i++) {
        struct annotation annotation;
        bool found;

        if (annotation_parse(annotations->pdata[i], &annotation)) {
            found = names_locks(annotation.kind) || annotation.kind == ANNOTATION_NO_ANALYSIS;
            annotation_clear(&annotation);
            if (found) {
                return true;
            }
        }
    }
    return false;
}

static bool same_steps(const struct ir_path *a, const struct ir_path *b)
{
    if (a->steps->len != b->steps->len) {
        return false;
    }
    for (guint i = 0; i < a->steps->len; i++) {
        const struct ir_step *x = &g_array_index(a->steps, struct ir_step, i);
        const struct ir_step *y = &g_array_index(b->steps, struct ir_step, i);

        if (x->kind != y->kind || (x->kind != IR_STEP_DEREF && g_strcmp0(x->name, y->name) != 0)) {
            return false;
        }
    }
    return true;
}

bool contract_same_lock(const struct contract_item *a, const struct contract_item *b)
{
    if (!a->path || !b->path) {
        return strcmp(a->text, b->text) == 0;
    }
    if (!same_steps(a->path, b->path)) {
        return false;
    }
    if (a->bare || b->bare) {
        return true;
    }
    if (a->path->root != b->path->root) {
        return false;
    }
    return a->path->root == IR_ROOT_GLOBAL ? g_strcmp0(a->path->symbol, b->path->symbol) == 0
                                           : a->path->index == b->path->index;
}

const char *role_name(const char *text)
{
    char *name = g_ascii_strdown(text, -1);
    char *start = name;
    const char *result;
    gsize length;

    while (*start == '&' || *start == '"' || g_ascii_isspace(*start)) {
        start++;
    }
    length = strcspn(start, "\"");
    start[length] = '\0';
    g_strdelimit(start, "_", '-');
    if (g_str_has_suffix(start, "-role")) {
        start[strlen(start) - strlen("-role")] = '\0';
    }
    if (g_str_has_suffix(start, "-loop") && g_str_has_prefix(start, "main")) {
        start[strlen("main")] = '\0';
    }
    result = g_intern_string(start);
    g_free(name);
    return result;
}

const char *contract_role(const GPtrArray *annotations, enum annotation_kind kind)
{
    struct annotation annotation;
    const char *role = NULL;

    if (annotation_find(annotations, kind, &annotation)) {
        if (annotation.arguments->len > 0) {
            role = role_name(annotation.arguments->pdata[0]);
        }
        annotation_clear(&annotation);
    }
    return role;
}
