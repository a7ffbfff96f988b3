#include "front_test.h"

#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

struct ir_unit *front_test_unit(const char *source, const char *const *arguments)
{
    char *directory = g_dir_make_tmp("lockcheck-front-XXXXXX", NULL);
    assert_non_null(directory);
    char *file = g_build_filename(directory, "test.c", NULL);
    assert_true(g_file_set_contents(file, source, -1, NULL));
    GPtrArray *words = g_ptr_array_new();
    g_ptr_array_add(words, (gpointer)(uintptr_t)"cc");
    for (unsigned i = 0; arguments != NULL && arguments[i] != NULL; i++)
        g_ptr_array_add(words, (gpointer)(uintptr_t)arguments[i]);
    g_ptr_array_add(words, (gpointer)(uintptr_t)"-c");
    g_ptr_array_add(words, (gpointer)(uintptr_t)"test.c");
    struct ir_unit *unit =
        front_parse(directory, (const char *const *)words->pdata, words->len, "test.c", NULL);
    g_ptr_array_unref(words);
    g_remove(file);
    g_rmdir(directory);
    g_free(file);
    g_free(directory);
    return unit;
}

const struct ir_function *front_test_function(const struct ir_unit *unit, const char *name)
{
    for (guint i = 0; i < unit->functions->len; i++) {
        const struct ir_function *function = g_ptr_array_index(unit->functions, i);
        if (strcmp(function->name, name) == 0)
            return function;
    }
    return NULL;
}

const struct ir_variable *front_test_global(const struct ir_unit *unit, const char *name)
{
    for (guint i = 0; i < unit->globals->len; i++) {
        const struct ir_variable *variable = g_ptr_array_index(unit->globals, i);
        if (strcmp(variable->name, name) == 0)
            return variable;
    }
    return NULL;
}

const struct ir_record *front_test_record(const struct ir_unit *unit, const char *name)
{
    for (guint i = 0; i < unit->records->len; i++) {
        const struct ir_record *record = g_ptr_array_index(unit->records, i);
        if (strcmp(record->name, name) == 0)
            return record;
    }
    return NULL;
}

char *front_test_annotations(const GPtrArray *annotations)
{
    GString *text = g_string_new("");
    for (guint i = 0; i < annotations->len; i++)
        g_string_append_printf(text, "%s%s", i == 0 ? "" : "; ",
                               (const char *)g_ptr_array_index(annotations, i));
    return g_string_free(text, FALSE);
}

/* "    3:5 call f()" is "call f()". */
static const char *without_location(const char *line)
{
    const char *p = line + strspn(line, " ");
    size_t digits = strspn(p, "0123456789");
    if (digits > 0 && p[digits] == ':' && g_ascii_isdigit(p[digits + 1])) {
        p += digits + 1;
        p += strspn(p, "0123456789");
        p += strspn(p, " ");
    }
    return p;
}

char *front_test_body(const struct ir_unit *unit, const char *function)
{
    GString *dump = g_string_new("");
    GString *body = g_string_new("");
    ir_unit_dump(unit, dump);
    char **lines = g_strsplit(dump->str, "\n", -1);
    bool inside = false, blocks = false;
    for (unsigned i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "function ")) {
            size_t length = strlen(function);
            const char *name = lines[i] + strlen("function ");
            inside = strncmp(name, function, length) == 0 &&
                     (name[length] == '\0' || name[length] == ' ');
            blocks = false;
        }
        blocks = blocks || g_str_has_prefix(lines[i], "  0:");
        if (inside && blocks && lines[i][0] != '\0')
            g_string_append_printf(body, "%s\n", without_location(lines[i]));
    }
    g_strfreev(lines);
    g_string_free(dump, TRUE);
    return g_string_free(body, FALSE);
}

void front_test_f(const char *source, const char *expected)
{
    struct ir_unit *unit = front_test_unit(source, NULL);
    for (guint i = 0; i < unit->errors->len; i++)
        print_error("%s\n", (const char *)g_ptr_array_index(unit->errors, i));
    assert_int_equal(unit->errors->len, 0);
    char *body = front_test_body(unit, "f");
    if (strcmp(body, expected) != 0)
        print_error("source:\n%s\nexpected:\n%s\ncame:\n%s", source, expected, body);
    assert_string_equal(body, expected);
    g_free(body);
    ir_unit_free(unit);
}
