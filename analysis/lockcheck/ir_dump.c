/* The intermediate representation as text, for people and for tests: paths
 * and values as C, events one per line, and blocks by number. What a path
 * looks like is also what the checker's messages call it, so it stays as
 * close to the source as the representation allows. */
#include "ir.h"

#include <string.h>

static const char *root_name(const struct ir_path *path, const struct ir_function *function,
                             char buffer[32])
{
    const GPtrArray *variables = NULL;
    switch (path->root) {
    case IR_ROOT_PARAM:
        variables = function == NULL ? NULL : function->params;
        break;
    case IR_ROOT_LOCAL:
        variables = function == NULL ? NULL : function->locals;
        break;
    case IR_ROOT_GLOBAL: {
        /* "dir/file.c:name" is `name` to its readers. */
        const char *symbol = path->symbol == NULL ? "?" : path->symbol;
        const char *colon = strrchr(symbol, ':');
        return colon == NULL ? symbol : colon + 1;
    }
    case IR_ROOT_UNKNOWN:
        return "?";
    }
    if (variables != NULL && path->index < variables->len) {
        const struct ir_variable *variable = g_ptr_array_index(variables, path->index);
        if (variable->name != NULL && variable->name[0] != '\0')
            return variable->name;
    }
    g_snprintf(buffer, 32, path->root == IR_ROOT_PARAM ? "param%u" : "local%u", path->index);
    return buffer;
}

static void append_index(GString *out, const struct ir_step *step,
                         const struct ir_function *function)
{
    g_string_append_c(out, '[');
    if (step->name != NULL) {
        g_string_append(out, step->name);
    } else if (step->index != NULL) {
        char *text = ir_value_text(step->index, function);
        g_string_append(out, text);
        g_free(text);
    } else {
        g_string_append_c(out, '?');
    }
    g_string_append_c(out, ']');
}

char *ir_path_text(const struct ir_path *path, const struct ir_function *function)
{
    char buffer[32];
    GString *out = g_string_new(root_name(path, function, buffer));
    bool starred = false; /* out begins with a *, and a postfix needs parentheses */
    for (guint i = 0; i < path->steps->len; i++) {
        const struct ir_step *step = &g_array_index(path->steps, struct ir_step, i);
        const struct ir_step *next = i + 1 < path->steps->len ? step + 1 : NULL;
        if (starred &&
            (step->kind != IR_STEP_DEREF || (next != NULL && next->kind != IR_STEP_DEREF))) {
            g_string_prepend_c(out, '(');
            g_string_append_c(out, ')');
            starred = false;
        }
        switch (step->kind) {
        case IR_STEP_DEREF:
            if (next != NULL && next->kind == IR_STEP_FIELD) {
                g_string_append_printf(out, "->%s", next->name == NULL ? "?" : next->name);
                i++;
            } else if (next != NULL && next->kind == IR_STEP_INDEX) {
                append_index(out, next, function);
                i++;
            } else {
                g_string_prepend_c(out, '*');
                starred = true;
            }
            break;
        case IR_STEP_FIELD:
            g_string_append_printf(out, ".%s", step->name == NULL ? "?" : step->name);
            break;
        case IR_STEP_INDEX:
            append_index(out, step, function);
            break;
        }
    }
    return g_string_free(out, FALSE);
}

static const char *const compare_text[] = {
    [IR_EQ] = "==", [IR_NE] = "!=", [IR_LT] = "<", [IR_LE] = "<=", [IR_GT] = ">", [IR_GE] = ">=",
};

static char *symbol_text(const char *symbol)
{
    const char *colon = symbol == NULL ? NULL : strrchr(symbol, ':');
    return g_strdup(symbol == NULL ? "?" : colon == NULL ? symbol : colon + 1);
}

char *ir_value_text(const struct ir_value *value, const struct ir_function *function)
{
    if (value == NULL)
        return g_strdup("?");
    char *a = NULL, *b = NULL, *text = NULL;
    switch (value->kind) {
    case IR_VALUE_UNKNOWN:
        return g_strdup("?");
    case IR_VALUE_INT:
        return g_strdup_printf("%" G_GINT64_FORMAT, value->number);
    case IR_VALUE_STRING:
        a = g_strescape(value->text == NULL ? "" : value->text, NULL);
        text = g_strdup_printf("\"%s\"", a);
        break;
    case IR_VALUE_ADDRESS:
        a = ir_path_text(value->path, function);
        text = g_strdup_printf("&%s", a);
        break;
    case IR_VALUE_LOAD:
        return ir_path_text(value->path, function);
    case IR_VALUE_FUNC:
        return symbol_text(value->text);
    case IR_VALUE_NOT:
        a = ir_value_text(value->a, function);
        text = g_strdup_printf("!(%s)", a);
        break;
    case IR_VALUE_COMPARE:
        a = ir_value_text(value->a, function);
        b = ir_value_text(value->b, function);
        text = g_strdup_printf("%s %s %s", a, compare_text[value->op], b);
        break;
    case IR_VALUE_OFFSET:
        a = ir_value_text(value->a, function);
        text = g_strdup_printf("offset(%s, %s)", a, value->text == NULL ? "?" : value->text);
        break;
    }
    g_free(a);
    g_free(b);
    return text;
}

static void dump_type(const struct ir_type *type, GString *out)
{
    g_string_append(out, type->spelling == NULL ? "?" : type->spelling);
    if (type->name != NULL)
        g_string_append_printf(out, " {%s", type->name);
    else
        g_string_append(out, " {");
    for (unsigned i = 0; i < type->pointers; i++)
        g_string_append_c(out, '*');
    g_string_append(out, type->array ? "[]" : "");
    g_string_append(out, type->function ? " function" : "");
    g_string_append(out, type->is_const ? " const" : "");
    g_string_append(out, type->atomic ? " atomic" : "");
    g_string_append(out, type->is_volatile ? " volatile" : "");
    g_string_append_c(out, '}');
}

static void dump_annotations(const GPtrArray *annotations, const char *indent, GString *out)
{
    for (guint i = 0; i < annotations->len; i++)
        g_string_append_printf(out, "%sannotation %s\n", indent,
                               (const char *)g_ptr_array_index(annotations, i));
}

static void dump_variable(const char *what, const struct ir_variable *variable, const char *indent,
                          GString *out)
{
    g_string_append_printf(out, "%s%s %s: ", indent, what,
                           variable->name == NULL ? "?" : variable->name);
    dump_type(&variable->type, out);
    if (variable->symbol != NULL && g_strcmp0(variable->symbol, variable->name) != 0) {
        char *symbol = symbol_text(variable->symbol);
        g_string_append_printf(out, " symbol %s", symbol);
        g_free(symbol);
    }
    if (variable->cleanup != NULL) {
        char *symbol = symbol_text(variable->cleanup);
        g_string_append_printf(out, " cleanup %s", symbol);
        g_free(symbol);
    }
    g_string_append(out, variable->is_static ? " static" : "");
    g_string_append(out, variable->thread_local ? " thread-local" : "");
    g_string_append(out, variable->definition ? " definition" : "");
    if (variable->function != NULL) {
        char *symbol = symbol_text(variable->function);
        g_string_append_printf(out, " in %s", symbol);
        g_free(symbol);
    }
    g_string_append_c(out, '\n');
    dump_annotations(variable->annotations, "    ", out);
}

static void dump_event(const struct ir_event *event, const struct ir_function *function,
                       GString *out)
{
    g_string_append_printf(out, "    %u:%u ", event->loc.line, event->loc.column);
    char *path = event->path == NULL ? NULL : ir_path_text(event->path, function);
    char *value = NULL;
    switch (event->kind) {
    case IR_CALL:
        value = ir_value_text(event->callee, function);
        g_string_append_printf(
            out, "%s %s(", event->callee->kind == IR_VALUE_FUNC ? "call" : "call-through", value);
        for (guint i = 0; i < event->args->len; i++) {
            char *arg = ir_value_text(g_ptr_array_index(event->args, i), function);
            g_string_append_printf(out, "%s%s", i == 0 ? "" : ", ", arg);
            g_free(arg);
        }
        g_string_append_c(out, ')');
        if (event->result >= 0) {
            struct ir_path *result = ir_path_new(IR_ROOT_LOCAL, (uint32_t)event->result, NULL);
            char *text = ir_path_text(result, function);
            g_string_append_printf(out, " -> %s", text);
            g_free(text);
            ir_path_free(result);
        }
        if (event->macro != NULL)
            g_string_append_printf(out, " macro %s", event->macro);
        g_string_append(out, event->cleanup ? " cleanup" : "");
        break;
    case IR_SET:
        value = ir_value_text(event->value, function);
        g_string_append_printf(out, "set %s = %s", path, value);
        break;
    case IR_READ:
        g_string_append_printf(out, "read %s", path);
        break;
    case IR_WRITE:
        g_string_append_printf(out, "write %s", path);
        break;
    }
    g_string_append(out, event->atomic ? " atomic" : "");
    g_string_append_c(out, '\n');
    g_free(path);
    g_free(value);
}

static void dump_block(guint number, const struct ir_block *block,
                       const struct ir_function *function, GString *out)
{
    g_string_append_printf(out, "  %u:\n", number);
    for (guint i = 0; i < block->events->len; i++)
        dump_event(g_ptr_array_index(block->events, i), function, out);
    char *value = block->value == NULL ? NULL : ir_value_text(block->value, function);
    switch (block->exit) {
    case IR_GOTO:
        g_string_append_printf(out, "    goto %u\n", block->next[0]);
        break;
    case IR_BRANCH:
        g_string_append_printf(out, "    %u:%u if %s goto %u else %u\n", block->loc.line,
                               block->loc.column, value, block->next[0], block->next[1]);
        break;
    case IR_RETURN:
        g_string_append_printf(out, "    %u:%u return%s%s\n", block->loc.line, block->loc.column,
                               value == NULL ? "" : " ", value == NULL ? "" : value);
        break;
    case IR_UNREACHABLE:
        g_string_append(out, "    unreachable\n");
        break;
    }
    g_free(value);
}

static void dump_function(const struct ir_function *function, GString *out)
{
    g_string_append_printf(out, "function %s%s%s%s%s\n", function->name,
                           function->is_static ? " static" : "",
                           function->is_noreturn ? " noreturn" : "",
                           function->returns_pointer ? " returns-pointer"
                           : function->returns_value ? " returns-value"
                                                     : "",
                           function->blocks == NULL ? " declared" : "");
    dump_annotations(function->annotations, "  ", out);
    for (guint i = 0; i < function->params->len; i++)
        dump_variable("param", g_ptr_array_index(function->params, i), "  ", out);
    for (guint i = 0; i < function->locals->len; i++)
        dump_variable("local", g_ptr_array_index(function->locals, i), "  ", out);
    for (guint i = 0; function->blocks != NULL && i < function->blocks->len; i++)
        dump_block(i, g_ptr_array_index(function->blocks, i), function, out);
}

void ir_unit_dump(const struct ir_unit *unit, GString *out)
{
    for (guint i = 0; i < unit->errors->len; i++)
        g_string_append_printf(out, "error %s\n", (const char *)g_ptr_array_index(unit->errors, i));
    for (guint i = 0; i < unit->records->len; i++) {
        const struct ir_record *record = g_ptr_array_index(unit->records, i);
        g_string_append_printf(out, "record %s\n", record->name);
        dump_annotations(record->annotations, "  ", out);
        for (guint j = 0; j < record->fields->len; j++)
            dump_variable("field", g_ptr_array_index(record->fields, j), "  ", out);
    }
    for (guint i = 0; i < unit->globals->len; i++)
        dump_variable("global", g_ptr_array_index(unit->globals, i), "", out);
    for (guint i = 0; i < unit->functions->len; i++)
        dump_function(g_ptr_array_index(unit->functions, i), out);
}
