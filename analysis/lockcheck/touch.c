/* See touch.h. Asked for one parameter, looks through the body and goes on in
 * the callees that get it; what has been found is kept. In a cycle of calls
 * the one that is being looked at counts as nothing, so what is said of a
 * function is never too much. */
#include "touch.h"

#include <string.h>

#define MAX_DEPTH 8

struct touches {
    const struct program *program;
    GHashTable *known; /* of struct question */
};

struct question {
    const struct pfunction *function;
    guint parameter;
    enum touch answer;
};

static guint question_hash(gconstpointer key)
{
    const struct question *q = key;

    return q->function->number * 31 + q->parameter;
}

static gboolean question_equal(gconstpointer left, gconstpointer right)
{
    const struct question *a = left, *b = right;

    return a->function == b->function && a->parameter == b->parameter;
}

/* Of the library: what is done with the first and the second argument. */
static const struct {
    const char *name;
    enum touch arguments[2];
} library[] = {
    {"memcpy", {TOUCH_WRITE, TOUCH_READ}},   {"memmove", {TOUCH_WRITE, TOUCH_READ}},
    {"memset", {TOUCH_WRITE, TOUCH_NONE}},   {"memcmp", {TOUCH_READ, TOUCH_READ}},
    {"strcpy", {TOUCH_WRITE, TOUCH_READ}},   {"strncpy", {TOUCH_WRITE, TOUCH_READ}},
    {"strlen", {TOUCH_READ, TOUCH_NONE}},    {"strcmp", {TOUCH_READ, TOUCH_READ}},
    {"snprintf", {TOUCH_WRITE, TOUCH_NONE}},
};

static enum touch library_touch(const char *name, guint argument)
{
    for (guint i = 0; argument < 2 && i < G_N_ELEMENTS(library); i++) {
        if (strcmp(library[i].name, name) == 0) {
            return library[i].arguments[argument];
        }
    }
    return TOUCH_NONE;
}

/* Whether the path begins with the parameter, or with a local that is a copy. */
static bool is_parameter(const struct ir_path *path, guint parameter, const GArray *copies)
{
    if (path->root == IR_ROOT_PARAM) {
        return path->index == parameter;
    }
    for (guint i = 0; path->root == IR_ROOT_LOCAL && i < copies->len; i++) {
        if (g_array_index(copies, uint32_t, i) == path->index) {
            return true;
        }
    }
    return false;
}

static guint count_derefs(const struct ir_path *path)
{
    guint count = 0;

    for (guint i = 0; i < path->steps->len; i++) {
        count += g_array_index(path->steps, struct ir_step, i).kind == IR_STEP_DEREF;
    }
    return count;
}

/* A pointer to the object, or to a part of it. */
static bool points_there(const struct ir_value *value, guint parameter, const GArray *copies)
{
    if (!value || (value->kind != IR_VALUE_LOAD && value->kind != IR_VALUE_ADDRESS) ||
        !is_parameter(value->path, parameter, copies)) {
        return false;
    }
    return value->kind == IR_VALUE_LOAD ? value->path->steps->len == 0
                                        : count_derefs(value->path) == 1;
}

/* Locals that the parameter is put into, and nothing else. */
static GArray *find_copies(const struct ir_function *ir, guint parameter)
{
    GArray *copies = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    GArray *none = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    GHashTable *others = g_hash_table_new(NULL, NULL);

    for (guint b = 0; b < ir->blocks->len; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_CALL && event->result >= 0) {
                g_hash_table_add(others, GUINT_TO_POINTER((guint)event->result + 1));
            } else if ((event->kind == IR_SET || event->kind == IR_WRITE) &&
                       event->path->root == IR_ROOT_LOCAL && event->path->steps->len == 0) {
                if (event->kind == IR_SET && points_there(event->value, parameter, none)) {
                    g_array_append_val(copies, event->path->index);
                } else {
                    g_hash_table_add(others, GUINT_TO_POINTER(event->path->index + 1));
                }
            }
        }
    }
    for (guint i = 0; i < copies->len;) {
        if (g_hash_table_contains(others,
                                  GUINT_TO_POINTER(g_array_index(copies, uint32_t, i) + 1))) {
            g_array_remove_index_fast(copies, i);
        } else {
            i++;
        }
    }
    g_hash_table_unref(others);
    g_array_unref(none);
    return copies;
}

static enum touch ask(struct touches *t, const struct pfunction *function, guint parameter,
                      int depth);

static enum touch called_touch(struct touches *t, const struct ir_event *event, guint parameter,
                               const GArray *copies, int depth)
{
    const struct pcall *call = program_call(t->program, event);
    enum touch found = TOUCH_NONE;

    for (guint a = 0; call && a < event->args->len; a++) {
        if (!points_there(event->args->pdata[a], parameter, copies)) {
            continue;
        }
        for (guint i = 0; i < call->targets->len; i++) {
            found = MAX(found, ask(t, call->targets->pdata[i], a, depth + 1));
        }
    }
    return found;
}

static enum touch body_touch(struct touches *t, const struct ir_function *ir, guint parameter,
                             int depth)
{
    GArray *copies = find_copies(ir, parameter);
    enum touch found = TOUCH_NONE;

    for (guint b = 0; b < ir->blocks->len && found != TOUCH_WRITE; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_CALL) {
                found = MAX(found, called_touch(t, event, parameter, copies, depth));
            } else if (is_parameter(event->path, parameter, copies)) {
                guint derefs = count_derefs(event->path);

                if (derefs > 0) {
                    /* NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): the larger */
                    found = MAX(found,
                                derefs == 1 && event->kind != IR_READ ? TOUCH_WRITE : TOUCH_READ);
                }
            }
        }
    }
    g_array_unref(copies);
    return found;
}

static enum touch ask(struct touches *t, const struct pfunction *function, guint parameter,
                      int depth)
{
    struct question wanted = {.function = function, .parameter = parameter};
    struct question *q = g_hash_table_lookup(t->known, &wanted);

    if (q) {
        return q->answer;
    }
    if (depth > MAX_DEPTH) {
        return TOUCH_NONE;
    }
    q = g_memdup2(&wanted, sizeof(wanted));
    g_hash_table_add(t->known, q);
    if (!function->ir->blocks) {
        q->answer = library_touch(function->ir->name, parameter);
    } else if (!function->builtin && parameter < function->ir->params->len) {
        q->answer = body_touch(t, function->ir, parameter, depth);
    }
    return q->answer;
}

struct touches *touches_new(const struct program *program)
{
    struct touches *touches = g_new0(struct touches, 1);

    touches->program = program;
    touches->known = g_hash_table_new_full(question_hash, question_equal, g_free, NULL);
    return touches;
}

void touches_free(struct touches *touches)
{
    if (touches) {
        g_hash_table_unref(touches->known);
        g_free(touches);
    }
}

enum touch touches_parameter(struct touches *touches, const struct pfunction *function,
                             guint parameter)
{
    return ask(touches, function, parameter, 0);
}
