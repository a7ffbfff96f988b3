/* Paths, values, types and variables as bytes and back; see store_code.c. */
#include "store_coder.h"

#define MAX_DEPTH 100

static void code_step(struct coder *c, struct ir_step *step, unsigned depth)
{
    step->kind = (enum ir_step_kind)coder_number(c, (uint64_t)step->kind, IR_STEP_INDEX);
    if (step->kind != IR_STEP_DEREF) {
        coder_string(c, &step->record);
        coder_string(c, &step->name);
    }
    if (step->kind == IR_STEP_INDEX) {
        coder_value(c, &step->index, depth);
    }
}

void coder_path(struct coder *c, struct ir_path **path, unsigned depth)
{
    struct ir_path *p = *path;
    uint64_t count;

    /* 0: none; otherwise 1 and the root. */
    uint64_t root = coder_number(c, p ? (uint64_t)p->root + 1 : 0, IR_ROOT_UNKNOWN + 1);

    if (root == 0 || (c->writing && !p)) {
        return;
    }
    if (!c->writing) {
        *path = p = ir_path_new((enum ir_root)(root - 1), 0, NULL);
    }
    coder_u32(c, &p->index);
    coder_string(c, &p->symbol);
    count = coder_number(c, p->steps->len, UINT32_MAX);
    if (!c->writing && count > (uint64_t)(c->end - c->at)) {
        c->failed = true;
    }
    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_step none = {0};

        if (c->writing) {
            code_step(c, &g_array_index(p->steps, struct ir_step, i), depth);
        } else {
            code_step(c, &none, depth);
            ir_path_add(p, none);
        }
    }
}

enum { VALUE_NUMBER = 1, VALUE_TEXT = 2, VALUE_PATH = 4, VALUE_OPERANDS = 8, VALUE_ALL = 15 };

/* Deeper than anybody follows an expression, it becomes an unknown one. */
void coder_value(struct coder *c, struct ir_value **value, unsigned depth)
{
    struct ir_value *v = *value;
    bool cut = v && depth >= MAX_DEPTH;
    uint64_t fields;
    uint64_t kind = coder_number(c, !v ? 0 : cut ? 1 : (uint64_t)v->kind + 1, IR_VALUE_OFFSET + 1);

    if (kind == 0 || (c->writing && !v)) {
        return;
    }
    kind--;
    if (!c->writing) {
        *value = v = ir_value_new((enum ir_value_kind)kind);
    }
    if (cut) {
        (void)coder_number(c, 0, VALUE_ALL);
        return;
    }
    fields = coder_number(c,
                          (v->number ? VALUE_NUMBER : 0) | (v->text ? VALUE_TEXT : 0) |
                              (v->path ? VALUE_PATH : 0) | (v->a || v->b ? VALUE_OPERANDS : 0),
                          VALUE_ALL);
    if (!c->writing && (fields & (VALUE_PATH | VALUE_OPERANDS)) && depth >= MAX_DEPTH) {
        c->failed = true;
        return;
    }
    if (fields & VALUE_NUMBER) {
        coder_s64(c, &v->number);
    }
    if (fields & VALUE_TEXT) {
        coder_string(c, &v->text);
    }
    if (fields & VALUE_PATH) {
        coder_path(c, &v->path, depth + 1);
    }
    if (fields & VALUE_OPERANDS) {
        v->op = (enum ir_compare)coder_number(c, (uint64_t)v->op, IR_GE);
        coder_value(c, &v->a, depth + 1);
        coder_value(c, &v->b, depth + 1);
    }
}

enum { TYPE_ARRAY = 1, TYPE_CONST = 2, TYPE_ATOMIC = 4, TYPE_FUNCTION = 8, TYPE_VOLATILE = 16 };

static void code_type(struct coder *c, struct ir_type *t)
{
    uint64_t flags = (t->array ? TYPE_ARRAY : 0) | (t->is_const ? TYPE_CONST : 0) |
                     (t->atomic ? TYPE_ATOMIC : 0) | (t->function ? TYPE_FUNCTION : 0) |
                     (t->is_volatile ? TYPE_VOLATILE : 0);

    coder_string(c, &t->spelling);
    coder_string(c, &t->name);
    coder_string(c, &t->record);
    t->pointers = (uint8_t)coder_number(c, t->pointers, UINT8_MAX);
    flags = coder_number(c, flags, 31);
    t->array = flags & TYPE_ARRAY;
    t->is_const = flags & TYPE_CONST;
    t->atomic = flags & TYPE_ATOMIC;
    t->function = flags & TYPE_FUNCTION;
    t->is_volatile = flags & TYPE_VOLATILE;
}

enum { VARIABLE_STATIC = 1, VARIABLE_THREAD = 2, VARIABLE_DEFINITION = 4 };

static void code_variable(struct coder *c, struct ir_variable *v)
{
    uint64_t flags = (v->is_static ? VARIABLE_STATIC : 0) |
                     (v->thread_local ? VARIABLE_THREAD : 0) |
                     (v->definition ? VARIABLE_DEFINITION : 0);

    coder_string(c, &v->name);
    coder_string(c, &v->symbol);
    code_type(c, &v->type);
    coder_loc(c, &v->loc);
    coder_strings(c, v->annotations);
    coder_string(c, &v->cleanup);
    coder_string(c, &v->function);
    flags = coder_number(c, flags, 7);
    v->is_static = flags & VARIABLE_STATIC;
    v->thread_local = flags & VARIABLE_THREAD;
    v->definition = flags & VARIABLE_DEFINITION;
}

void coder_variables(struct coder *c, GPtrArray *array)
{
    guint count = coder_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        if (!c->writing) {
            g_ptr_array_add(array, ir_variable_new());
        }
        code_variable(c, array->pdata[i]);
    }
}

void coder_arguments(struct coder *c, GPtrArray *array)
{
    guint count = coder_count(c, array);

    for (guint i = 0; i < count && !c->failed; i++) {
        struct ir_value *value = c->writing ? array->pdata[i] : NULL;

        coder_value(c, &value, 0);
        if (!c->writing) {
            g_ptr_array_add(array, value ? value : ir_value_new(IR_VALUE_UNKNOWN));
        }
    }
}
