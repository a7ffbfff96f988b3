#include "link_test.h"

#include <glib/gstdio.h>

#include "front.h"

static struct rules *rules;

static struct ir_unit *parse(const char *directory, const char *source, guint number)
{
    char *name = g_strdup_printf("%u.c", number);
    char *file = g_build_filename(directory, name, NULL);
    const char *arguments[] = {"cc", "-std=gnu11", "-c", name};
    struct ir_unit *unit;

    assert_true(g_file_set_contents(file, source, -1, NULL));
    unit = front_parse(directory, arguments, G_N_ELEMENTS(arguments), name, NULL);
    for (guint i = 0; i < unit->errors->len; i++) {
        print_error("%s\n", (const char *)unit->errors->pdata[i]);
    }
    assert_int_equal(unit->errors->len, 0);
    g_remove(file);
    g_free(file);
    g_free(name);
    return unit;
}

struct program *link_test_program(const char *source, ...)
{
    char *directory = g_dir_make_tmp("lockcheck-link-XXXXXX", NULL);
    GPtrArray *units = g_ptr_array_new();
    va_list more;

    assert_non_null(directory);
    va_start(more, source);
    for (const char *next = source; next; next = va_arg(more, const char *)) {
        g_ptr_array_add(units, parse(directory, next, units->len));
    }
    va_end(more);
    g_rmdir(directory);
    g_free(directory);
    rules = rules_new();
    return program_new(units, rules);
}

void link_test_free(struct program *program)
{
    program_free(program);
    rules_free(rules);
    rules = NULL;
}

struct pfunction *link_test_function(const struct program *program, const char *name)
{
    for (guint i = 0; i < program->functions->len; i++) {
        struct pfunction *function = program->functions->pdata[i];

        if (strcmp(function->ir->name, name) == 0) {
            return function;
        }
    }
    fail_msg("the program has no function %s", name);
    return NULL;
}

char *link_test_path(const struct program *program, const char *expression, const char *function)
{
    const struct ir_function *ir = function ? link_test_function(program, function)->ir : NULL;
    struct ir_path *path = annotation_path(program, expression, ir, NULL, NULL);
    char *text = path ? ir_path_text(path, ir) : NULL;

    ir_path_free(path);
    return text;
}

const struct pcall *link_test_call(const struct program *program, const char *caller, guint index)
{
    const struct pfunction *function = link_test_function(program, caller);

    assert_true(index < function->calls->len);
    return function->calls->pdata[index];
}

void link_test_assert_targets(const struct pcall *call, ...)
{
    guint count = 0;
    va_list names;

    va_start(names, call);
    for (const char *name = va_arg(names, const char *); name;
         name = va_arg(names, const char *), count++) {
        bool found = false;

        for (guint i = 0; i < call->targets->len; i++) {
            const struct pfunction *target = call->targets->pdata[i];

            found = found || strcmp(target->ir->name, name) == 0;
        }
        if (!found) {
            fail_msg("%s is not among the targets", name);
        }
    }
    va_end(names);
    assert_int_equal(call->targets->len, count);
}
