/* Lock expressions as paths.
 *
 * They come from source code that may be anybody's: the parser is a
 * hand-written recursive descent whose depth is bounded, and what it does not
 * understand is no lock expression rather than an error. A path that it
 * returns names the lock object itself: pointers that stand for a lock are
 * dereferenced, so that `lock`, `*lock` and `&*lock` are one path. */
#include "annotation.h"

#include <string.h>

#include "program.h"

#define MAX_DEPTH 32
#define THIS      "this"

struct parser {
    const char *at;
    const struct program *program;
    const struct ir_function *function;
    const struct ir_record *record;
    const struct ir_path *base;
    const char *file;
    int depth;
};

/* An expression that has been read: where it is, and what type that has. */
struct operand {
    struct ir_path *path;
    struct ir_type type; /* valid if typed */
    bool typed;
    bool address; /* it is &path */
};

static void skip_space(struct parser *p)
{
    while (g_ascii_isspace(*p->at)) {
        p->at++;
    }
}

static bool accept(struct parser *p, const char *token)
{
    gsize length = strlen(token);

    skip_space(p);
    if (strncmp(p->at, token, length) != 0) {
        return false;
    }
    p->at += length;
    return true;
}

static bool is_name_start(char c)
{
    return g_ascii_isalpha(c) || c == '_';
}

static bool is_name(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* An identifier, interned, or NULL. */
static const char *accept_name(struct parser *p)
{
    const char *start;
    const char *result;
    char *copy;

    skip_space(p);
    if (!is_name_start(*p->at)) {
        return NULL;
    }
    start = p->at;
    while (is_name(*p->at)) {
        p->at++;
    }
    copy = g_strndup(start, (gsize)(p->at - start));
    result = g_intern_string(copy);
    g_free(copy);
    return result;
}

static void add_step(struct operand *operand, enum ir_step_kind kind, const char *record,
                     const char *name, struct ir_value *index)
{
    ir_path_add(operand->path,
                (struct ir_step){.kind = kind, .record = record, .name = name, .index = index});
}

static void set_type(struct operand *operand, const struct ir_variable *variable)
{
    operand->typed = variable != NULL;
    if (variable) {
        operand->type = variable->type;
    }
}

static void dereference(struct operand *operand)
{
    if (operand->address) {
        operand->address = false;
        return;
    }
    if (operand->typed && operand->type.array) {
        operand->type.array = false;
        add_step(operand, IR_STEP_INDEX, NULL, g_intern_static_string("0"), NULL);
        return;
    }
    if (operand->typed && operand->type.pointers > 0) {
        operand->type.pointers--;
    }
    add_step(operand, IR_STEP_DEREF, NULL, NULL, NULL);
}

static void add_field(struct parser *p, struct operand *operand, const char *name)
{
    const char *record =
        operand->typed && operand->type.pointers == 0 ? operand->type.record : NULL;
    const struct ir_variable *field = NULL;

    if (record && p->program) {
        field = program_field(p->program, record, name);
    }
    add_step(operand, IR_STEP_FIELD, record, name, NULL);
    set_type(operand, field);
}

static struct ir_value *index_value(struct parser *p, const char *text)
{
    const struct ir_function *f = p->record ? NULL : p->function;
    struct ir_value *value;
    char *end;
    gint64 number = g_ascii_strtoll(text, &end, 0);

    if (*text && !*end) {
        value = ir_value_new(IR_VALUE_INT);
        value->number = number;
        return value;
    }
    for (guint i = 0; f && f->params && i < f->params->len; i++) {
        const struct ir_variable *param = f->params->pdata[i];

        if (g_strcmp0(param->name, text) == 0) {
            value = ir_value_new(IR_VALUE_LOAD);
            value->path = ir_path_new(IR_ROOT_PARAM, i, NULL);
            return value;
        }
    }
    return NULL;
}

/* What stands between brackets, up to the one that closes them. */
static bool parse_index(struct parser *p, struct operand *operand)
{
    const char *start = p->at;
    int depth = 1;
    char *text;

    for (; *p->at && depth > 0; p->at++) {
        depth += *p->at == '[' ? 1 : *p->at == ']' ? -1 : 0;
    }
    if (depth > 0) {
        return false;
    }
    text = g_strstrip(g_strndup(start, (gsize)(p->at - start - 1)));
    if (operand->typed && operand->type.array) {
        operand->type.array = false;
    } else {
        if (operand->typed && operand->type.pointers > 0) {
            operand->type.pointers--;
        }
        add_step(operand, IR_STEP_DEREF, NULL, NULL, NULL);
    }
    add_step(operand, IR_STEP_INDEX, NULL, g_intern_string(text), index_value(p, text));
    g_free(text);
    return true;
}

static bool find_variable(const GPtrArray *variables, const char *name, guint *index)
{
    for (guint i = 0; variables && i < variables->len; i++) {
        if (g_strcmp0(((const struct ir_variable *)variables->pdata[i])->name, name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static void name_operand(struct parser *p, const char *name, struct operand *out)
{
    const struct ir_function *f = p->record ? NULL : p->function;
    const struct ir_variable *global;
    guint i;

    if (f && find_variable(f->params, name, &i)) {
        out->path = ir_path_new(IR_ROOT_PARAM, i, NULL);
        set_type(out, f->params->pdata[i]);
    } else if (f && find_variable(f->locals, name, &i)) {
        out->path = ir_path_new(IR_ROOT_LOCAL, i, NULL);
        set_type(out, f->locals->pdata[i]);
    } else if (p->record && find_variable(p->record->fields, name, &i)) {
        out->path = p->base ? ir_path_copy(p->base) : ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
        add_step(out, IR_STEP_FIELD, p->record->key, name, NULL);
        set_type(out, p->record->fields->pdata[i]);
    } else {
        global = p->program ? program_global_named(p->program, name, p->file) : NULL;
        out->path = ir_path_new(IR_ROOT_GLOBAL, 0, global ? global->symbol : name);
        set_type(out, global);
    }
}

/* $N; without a function nothing is known but that it is a pointer. Or $this:
 * the object that the field is in. */
static bool parse_parameter(struct parser *p, struct operand *out)
{
    char *end;
    guint64 number;

    if (p->record && g_str_has_prefix(p->at, THIS)) {
        p->at += strlen(THIS);
        out->path = p->base ? ir_path_copy(p->base) : ir_path_new(IR_ROOT_UNKNOWN, 0, NULL);
        out->type = (struct ir_type){.record = p->record->key};
        out->typed = true;
        return true;
    }
    if (!g_ascii_isdigit(*p->at)) {
        return false;
    }
    number = g_ascii_strtoull(p->at, &end, 10);
    p->at = end;
    if (number > 255) {
        return false;
    }
    out->path = ir_path_new(IR_ROOT_PARAM, (uint32_t)number, NULL);
    if (p->function && p->function->params && number < p->function->params->len) {
        set_type(out, p->function->params->pdata[number]);
    } else {
        out->type = (struct ir_type){.pointers = 1};
        out->typed = true;
    }
    return true;
}

/* (type *) in front of an operand: names and stars up to the parenthesis,
 * with at least one star, or a struct. */
static bool skip_cast(struct parser *p)
{
    const char *at = p->at;
    bool star = false;
    bool name = false;

    for (; *at && *at != ')'; at++) {
        if (*at == '*') {
            star = true;
        } else if (is_name(*at)) {
            name = true;
            if (star) {
                return false;
            }
        } else if (!g_ascii_isspace(*at)) {
            return false;
        }
    }
    if (*at != ')' || !star || !name) {
        return false;
    }
    p->at = at + 1;
    return true;
}

static bool parse_unary(struct parser *p, struct operand *out);

static bool parse_primary(struct parser *p, struct operand *out)
{
    const char *name;

    if (accept(p, "(")) {
        if (skip_cast(p)) {
            if (!parse_unary(p, out)) {
                return false;
            }
            out->typed = false;
            return true;
        }
        return parse_unary(p, out) && accept(p, ")");
    }
    if (accept(p, "$")) {
        return parse_parameter(p, out);
    }
    if (accept(p, "\"")) {
        const char *end = strchr(p->at, '"');
        char *copy;

        if (!end || end == p->at) {
            return false;
        }
        copy = g_strndup(p->at, (gsize)(end - p->at));
        out->path = ir_path_new(IR_ROOT_GLOBAL, 0, g_intern_string(copy));
        g_free(copy);
        p->at = end + 1;
        return true;
    }
    name = accept_name(p);
    if (!name) {
        return false;
    }
    name_operand(p, name, out);
    return true;
}

static bool parse_postfix(struct parser *p, struct operand *out)
{
    if (!parse_primary(p, out)) {
        return false;
    }
    for (;;) {
        const char *name;
        bool arrow = accept(p, "->");

        if (arrow || accept(p, ".")) {
            bool pointer = !out->typed || out->type.pointers > 0 || out->type.array;

            name = accept_name(p);
            if (!name) {
                return false;
            }
            /* Macros write -> and . alike; the type decides where it is known. */
            if (out->address || (pointer && (arrow || out->typed))) {
                dereference(out);
            }
            add_field(p, out, name);
        } else if (accept(p, "[")) {
            if (!parse_index(p, out)) {
                return false;
            }
        } else {
            return true;
        }
    }
}

static bool parse_unary(struct parser *p, struct operand *out)
{
    bool good;

    if (++p->depth > MAX_DEPTH) {
        return false;
    }
    if (accept(p, "&")) {
        good = parse_unary(p, out);
        out->address = good;
    } else if (accept(p, "*")) {
        good = parse_unary(p, out);
        if (good) {
            dereference(out);
        }
    } else {
        good = parse_postfix(p, out);
    }
    p->depth--;
    return good;
}

static struct ir_path *parse_lock(struct parser *p)
{
    struct operand out = {0};

    if (!parse_unary(p, &out)) {
        goto fail;
    }
    skip_space(p);
    if (*p->at) {
        goto fail;
    }
    while (!out.address && out.typed && !out.type.array && out.type.pointers > 0) {
        dereference(&out);
    }
    return out.path;
fail:
    if (out.path) {
        ir_path_free(out.path);
    }
    return NULL;
}

struct ir_path *annotation_path(const struct program *program, const char *expression,
                                const struct ir_function *function, const struct ir_record *record,
                                const struct ir_path *base)
{
    struct parser parser = {.at = expression,
                            .program = program,
                            .function = function,
                            .record = record,
                            .base = base,
                            .file = record     ? record->loc.file
                                    : function ? function->loc.file
                                               : NULL};

    return parse_lock(&parser);
}

struct ir_path *annotation_path_of_global(const struct program *program, const char *expression,
                                          const struct ir_variable *global)
{
    struct parser parser = {.at = expression, .program = program, .file = global->loc.file};

    return parse_lock(&parser);
}
